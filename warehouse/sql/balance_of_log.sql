-- Landed ranges of the access log that do not balance. Grain: one landed range; no row means balance.
-- The lines of a range, its hits by day, its rejects as stored: each is counted on its own.
SELECT f.path, f.lines, f.hits + f.rejects + f.blanks, coalesce(d.hits, 0) + coalesce(r.rejects, 0) + f.blanks, coalesce(d.hits, 0)
FROM raw.files AS f
LEFT JOIN (SELECT file_id, sum(hits)::BIGINT AS hits FROM core.access_log_days GROUP BY file_id) AS d USING (file_id)
LEFT JOIN (SELECT file_id, count(*) AS rejects FROM raw.access_log_rejects GROUP BY file_id) AS r USING (file_id)
WHERE f.subject = 'access_log' AND f.state = 'landed' AND NOT coalesce(
    f.lines = f.hits + f.rejects + f.blanks AND f.hits = coalesce(d.hits, 0) AND f.rejects = coalesce(r.rejects, 0), false
)
ORDER BY f.path
