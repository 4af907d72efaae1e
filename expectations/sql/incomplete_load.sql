-- Configured sources of which the latest look is not whole. Grain: one subject of one source.
SELECT l.agency, l.subject, l.source, l.reason AS actual, '来源“' || l.source || '”：' || l.detail AS detail,
    coalesce(strftime(max(m.began_at), '%Y-%m-%d %H:%M'), '还没有过') AS expected
FROM report.expected_sources AS e
JOIN raw.loads AS l USING (source, subject)
LEFT JOIN raw.loads AS m ON m.source = l.source AND m.subject = l.subject AND m.reason IS NULL
WHERE l.reason IS NOT NULL AND l.load_id = (SELECT max(load_id) FROM raw.loads WHERE source = l.source AND subject = l.subject)
GROUP BY l.agency, l.subject, l.source, l.reason, l.detail
