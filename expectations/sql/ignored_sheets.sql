-- Landed workbooks with further sheets that hold something. Grain: one file.
SELECT agency, subject, source, file_id, array_to_string(ignored_sheets::JSON::VARCHAR[], '、') AS actual
FROM raw.files
WHERE state = 'landed' AND ignored_sheets IS NOT NULL
