-- Configured feeds and full exports of which the latest whole full load has no row at all. Grain: one subject of one source.
SELECT l.agency, l.subject, l.source, l.source AS detail, count(w.file_id)::VARCHAR AS actual
FROM latest_loads AS n
JOIN raw.loads AS l USING (load_id)
LEFT JOIN raw.withdrawn AS w ON w.source = l.source AND w.subject = l.subject
WHERE l.control_total = 0 AND l.is_full
GROUP BY ALL
