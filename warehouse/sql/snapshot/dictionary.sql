-- Every column of the file with its comment. Grain: one column of one table or view.
SELECT c.schema_name || '.' || c.table_name AS table_name, coalesce(t.comment, v.comment) AS table_comment, v.view_name IS NOT NULL AS is_view,
    c.column_index::BIGINT AS position, c.column_name, c.data_type AS type, c.comment
FROM duckdb_columns() AS c
LEFT JOIN duckdb_tables() AS t USING (database_name, schema_name, table_name)
LEFT JOIN duckdb_views() AS v ON v.database_name = c.database_name AND v.schema_name = c.schema_name AND v.view_name = c.table_name
WHERE c.database_name = current_database() AND NOT c.internal
ORDER BY ALL
