-- Landed workbooks, as they lie at the source still, with further sheets that hold something. Grain: one file.
SELECT agency, subject, source, file_id, array_to_string(ignored_sheets::JSON::VARCHAR[], '、') AS actual
FROM raw.files
SEMI JOIN lying USING (file_id)
WHERE state = 'landed' AND ignored_sheets IS NOT NULL
