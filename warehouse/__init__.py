"""How is it stored, and what does each column mean?

Belongs here: the dictionary of tables and columns, the DuckDB file, the landing store, the ledger, the statutory form as
data, SQL that counts, exports. Does not belong here: Dagster, reading the outside world, rules about what must be true,
configuration. This package imports no other package of the project.
"""
