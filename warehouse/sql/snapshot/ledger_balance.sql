-- The ledger per source: rows handed over, rows placed, and their difference. Grain: one report, source and kind of record.
WITH read AS (
    SELECT agency, source, subject, sum(rows_read)::BIGINT AS rows FROM report.sources WHERE state = 'landed' GROUP BY ALL
),
placed AS (
    SELECT p.agency, p.year, f.source, p.subject, p.place, count(*) AS rows
    FROM report.places AS p
    JOIN report.sources AS f USING (file_id)
    GROUP BY ALL
    UNION ALL
    SELECT p.agency, p.year, f.source, 'access_log', p.place, sum(p.rows)::BIGINT
    FROM report.access_log_places AS p
    JOIN report.sources AS f USING (file_id)
    GROUP BY ALL
),
totals AS (
    SELECT agency, year, source, subject, sum(rows)::BIGINT AS rows,
        coalesce(sum(rows) FILTER (place = 'counted'), 0)::BIGINT AS counted,
        coalesce(sum(rows) FILTER (place = 'pending'), 0)::BIGINT AS pending,
        coalesce(sum(rows) FILTER (place = 'out_of_scope'), 0)::BIGINT AS out_of_scope,
        coalesce(sum(rows) FILTER (place = 'superseded'), 0)::BIGINT AS superseded,
        coalesce(sum(rows) FILTER (place = 'duplicate'), 0)::BIGINT AS duplicate,
        coalesce(sum(rows) FILTER (place = 'quarantined'), 0)::BIGINT AS quarantined
    FROM placed
    GROUP BY ALL
)
SELECT y.agency, y.agency_name, y.year, r.source, r.subject, r.rows AS rows_read, t.counted, t.pending, t.out_of_scope,
    t.superseded, t.duplicate, t.quarantined, r.rows - coalesce(t.rows, 0) AS difference
FROM read AS r
JOIN report.years AS y USING (agency)
LEFT JOIN totals AS t ON t.agency = y.agency AND t.year = y.year AND t.source = r.source AND t.subject = r.subject
