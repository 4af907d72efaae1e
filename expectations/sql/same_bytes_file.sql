-- Record files whose bytes were landed under another name. Grain: one path of one source.
SELECT agency, subject, source, file_id, detail
FROM raw.files
WHERE state = 'same_bytes' AND subject <> 'access_log'
