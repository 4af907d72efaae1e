-- Reports whose places do not add up to the rows landed. Grain: one report and subject; no row means balance.
WITH landed AS (
    SELECT agency, subject, sum(rows_read)::BIGINT AS rows FROM raw.files WHERE state = 'landed' AND subject <> 'access_log' GROUP BY ALL
    UNION ALL
    SELECT agency, subject, sum(hits + rejects)::BIGINT FROM raw.files WHERE state = 'landed' AND subject = 'access_log' GROUP BY ALL
),
placed AS (
    SELECT agency, year, subject, sum(rows)::BIGINT AS rows FROM report.ledger_totals WHERE list_contains($years, year) GROUP BY ALL
)
SELECT agency, year, subject, coalesce(l.rows, 0), coalesce(p.rows, 0)
FROM (SELECT * FROM landed JOIN report.years USING (agency) WHERE list_contains($years, year)) AS l
FULL JOIN placed AS p USING (agency, year, subject)
WHERE l.rows IS DISTINCT FROM p.rows AND coalesce(l.rows, p.rows) > 0
ORDER BY ALL
