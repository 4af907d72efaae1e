-- Files that are rejected as they lie at the source now. Grain: one path of one source.
-- A path whose later content was landed is mended and no finding.
SELECT f.agency, f.subject, f.source, f.file_id, f.reason AS actual, f.detail
FROM raw.files AS f
WHERE f.state = 'rejected'
QUALIFY f.file_id = max(f.file_id) OVER (PARTITION BY f.source, f.subject, f.path)
