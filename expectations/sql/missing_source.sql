-- Configured sources of which the latest look saw no file. Grain: one subject of one source.
SELECT e.agency, e.subject, e.source, e.source AS detail
FROM report.expected_sources AS e
LEFT JOIN (SELECT source, subject, arg_max(files_seen, load_id) AS files_seen FROM raw.loads GROUP BY ALL) AS l USING (source, subject)
WHERE coalesce(l.files_seen, 0) = 0
