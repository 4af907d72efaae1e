-- What a run left behind, in numbers. Grain: one report.
SELECT y.agency_name, y.year, l.landed, l.counted, l.pending, l.out_of_scope, l.superseded, l.duplicate, l.quarantined, c.cells_known, c.cells_unknown
FROM report.years AS y
LEFT JOIN (
    SELECT agency, year, sum(rows)::BIGINT AS landed,
        coalesce(sum(rows) FILTER (place = 'counted'), 0)::BIGINT AS counted,
        coalesce(sum(rows) FILTER (place = 'pending'), 0)::BIGINT AS pending,
        coalesce(sum(rows) FILTER (place = 'out_of_scope'), 0)::BIGINT AS out_of_scope,
        coalesce(sum(rows) FILTER (place = 'superseded'), 0)::BIGINT AS superseded,
        coalesce(sum(rows) FILTER (place = 'duplicate'), 0)::BIGINT AS duplicate,
        coalesce(sum(rows) FILTER (place = 'quarantined'), 0)::BIGINT AS quarantined
    FROM report.ledger_totals
    GROUP BY ALL
) AS l USING (agency, year)
LEFT JOIN (
    SELECT agency, year, count(*) FILTER (value IS NOT NULL) AS cells_known, count(*) FILTER (value IS NULL) AS cells_unknown
    FROM report.cells
    WHERE starts_with(cell_id, 'table')
    GROUP BY ALL
) AS c USING (agency, year)
WHERE list_contains($years, y.year)
ORDER BY y.agency_name, y.year
