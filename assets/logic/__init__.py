"""Pure cleaning: Polars in, Polars out. No Dagster, no files, no database."""
