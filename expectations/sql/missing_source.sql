-- Configured sources of which the latest whole look saw no file. Grain: one subject of one source. One that never was whole is no empty
-- one: `incomplete_load` speaks of it; of files that are not finished, `waiting_file`.
SELECT e.agency, e.subject, e.source, e.source AS detail
FROM report.expected_sources AS e
LEFT JOIN (
    SELECT source, subject, arg_max(files_seen, load_id) FILTER (reason IS NULL) AS files_seen,
        arg_max(files_waiting, load_id) FILTER (reason IS NULL) AS files_waiting, bool_and(reason IS NOT NULL) AS is_never_whole
    FROM raw.loads
    GROUP BY ALL
) AS l USING (source, subject)
WHERE coalesce(l.files_seen, 0) = 0 AND coalesce(l.files_waiting, 0) = 0 AND NOT coalesce(l.is_never_whole, false)
