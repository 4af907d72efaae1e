-- Configured sources of which the latest whole look left files that were not finished. Grain: one subject of one source.
SELECT l.agency, l.subject, l.source, l.source AS detail, l.files_waiting::VARCHAR AS actual
FROM latest_loads AS n
JOIN raw.loads AS l USING (load_id)
WHERE l.files_waiting > 0
