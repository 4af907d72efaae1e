"""What is computed?

Belongs here: readers of the outside world (`sources`), pure cleaning logic (`logic`: frame in, frame out) and one thin
asset per table. Does not belong here: rules that judge the result, schedules, configuration files. May import `warehouse`.
"""
