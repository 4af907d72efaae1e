-- Rejected files that lie at a configured source still and are set aside until a day that has not passed. Grain: one path of one source.
SELECT f.agency, f.subject, f.source, f.file_id, f.reason AS actual, g.until::VARCHAR AS expected, g.reason AS detail
FROM (SELECT *, max(file_id) OVER (PARTITION BY source, subject, path) AS last_file_id FROM raw.files) AS f
JOIN latest_loads AS l ON l.source = f.source AND l.subject = f.subject
JOIN report.ignored AS g USING (sha256)
WHERE f.state = 'rejected' AND f.file_id = f.last_file_id AND f.seen_load_id = l.load_id AND g.until >= (SELECT day FROM today)
