-- Landed files, as they lie at the source still, with columns that stand for no field. Grain: one file, or
-- the latest part of a stream of pulls that has just these columns.
SELECT agency, subject, source, file_id, array_to_string(unknown_columns::JSON::VARCHAR[], '、') AS actual
FROM raw.files
SEMI JOIN lying USING (file_id)
WHERE state = 'landed' AND unknown_columns IS NOT NULL
QUALIFY stream IS NULL OR file_id = max(file_id) OVER (PARTITION BY source, subject, stream, unknown_columns)
