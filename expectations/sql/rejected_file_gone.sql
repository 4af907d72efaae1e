-- Files that were rejected and do not lie at their source any more. Grain: one path of one source.
SELECT f.agency, f.subject, f.source, f.file_id, f.reason AS actual, f.detail
FROM (SELECT *, max(file_id) OVER (PARTITION BY source, subject, path) AS last_file_id FROM raw.files) AS f
LEFT JOIN latest_loads AS l ON l.source = f.source AND l.subject = f.subject
WHERE f.state = 'rejected' AND f.file_id = f.last_file_id AND f.seen_load_id IS DISTINCT FROM l.load_id
