-- Landed files, as they lie at the source still, with columns that stand for no field. Grain: one file, or the last part of the latest
-- pull of a stream that has just these columns.
SELECT agency, subject, source, file_id, array_to_string(unknown_columns::JSON::VARCHAR[], '、') AS actual
FROM (
    SELECT *, max(pull) OVER (PARTITION BY source, subject, stream) AS latest,
        max(file_id) OVER (PARTITION BY source, subject, stream, pull, unknown_columns) AS last_file_id
    FROM raw.files
)
SEMI JOIN lying USING (file_id)
WHERE unknown_columns IS NOT NULL
    AND CASE WHEN stream IS NULL THEN state = 'landed' ELSE pull = latest AND file_id = last_file_id END
