-- How fresh each configured source is. Grain: one subject of one source.
-- A source that was never whole has no completed_at; how old is too old is configuration.
SELECT e.agency, e.source, e.subject, n.kind, n.looked_at, n.reason, n.detail, n.files_waiting, l.completed_at, l.full_at, l.changed_at
FROM report.expected_sources AS e
LEFT JOIN (
    SELECT source, subject, kind, loaded_at AS looked_at, reason, detail, files_waiting
    FROM raw.loads
    QUALIFY load_id = max(load_id) OVER (PARTITION BY source, subject)
) AS n USING (source, subject)
LEFT JOIN (
    SELECT source, subject, max(began_at) AS completed_at, max(began_at) FILTER (is_full) AS full_at, max(loaded_at) FILTER (rows_read > 0) AS changed_at
    FROM raw.loads
    WHERE reason IS NULL
    GROUP BY ALL
) AS l USING (source, subject)
