-- Places of the access log's lines. Grain: one landed range of a log, one report year and one place.
-- A line belongs to the year of its instant in Asia/Shanghai; empty lines are no rows.
SELECT y.agency, y.year, d.file_id,
    CASE WHEN year(d.day) = y.year THEN 'counted' ELSE 'out_of_scope' END AS place,
    CASE WHEN year(d.day) <> y.year THEN 'other_year' END AS rule,
    sum(d.hits)::BIGINT AS rows
FROM core.access_log_days AS d
JOIN report.years AS y USING (agency)
GROUP BY ALL
UNION ALL
SELECT y.agency, y.year, r.file_id, 'quarantined', 'malformed_line', count(*)
FROM raw.access_log_rejects AS r
JOIN report.years AS y USING (agency)
GROUP BY ALL
