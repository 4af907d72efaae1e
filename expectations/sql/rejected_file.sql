-- Files that are rejected, lie at a configured source still and are not set aside, or not any more. Grain: one path of one source.
-- A path whose later content was landed is mended and no finding. The window looks at every file before the rejected are chosen.
SELECT f.agency, f.subject, f.source, f.file_id, f.reason AS actual,
    f.detail || coalesce('（搁置到 ' || g.until || '，期限已过。）', '') AS detail
FROM (SELECT *, max(file_id) OVER (PARTITION BY source, subject, path) AS last_file_id FROM raw.files) AS f
JOIN latest_loads AS l ON l.source = f.source AND l.subject = f.subject
LEFT JOIN report.ignored AS g USING (sha256)
WHERE f.state = 'rejected' AND f.file_id = f.last_file_id AND f.seen_load_id = l.load_id
    AND NOT coalesce(g.until >= (SELECT day FROM today), false)
