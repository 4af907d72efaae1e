-- The ledger in numbers. Grain: one report, subject, place and rule.
SELECT agency, year, subject, place, rule, count(*) AS rows
FROM report.places
GROUP BY ALL
UNION ALL
SELECT agency, year, 'access_log', place, rule, sum(rows)::BIGINT
FROM report.access_log_places
GROUP BY ALL
