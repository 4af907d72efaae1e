"""When, with what, and by which command does it run?

Belongs here: configuration, Dagster definitions, jobs, schedules, sensors, resources, the command line. Does not belong
here: counting, cleaning, rules, storage. The only package that knows `gouji.toml` and environment variables.
"""
