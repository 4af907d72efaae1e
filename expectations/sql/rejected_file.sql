-- Files that are rejected as they were last seen at the source. Grain: one path of one source.
-- A path whose later content was landed is mended and no finding. The window looks at every file before the rejected are chosen.
SELECT agency, subject, source, file_id, reason AS actual, detail
FROM (SELECT *, max(file_id) OVER (PARTITION BY source, subject, path) AS last_file_id FROM raw.files)
WHERE state = 'rejected' AND file_id = last_file_id
