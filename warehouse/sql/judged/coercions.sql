-- Coercion decisions judged for each report year. Grain: one current decision and one report year.
-- The day of the decision decides, whatever the kind and whenever it was carried out (source contracts 6.3).
SELECT c.agency, y.year, c.file_id, c.row_no,
    CASE WHEN c.organ_code <> c.agency THEN 'other_agency' WHEN year(c.decided_on) <> y.year THEN 'other_year' END AS rule,
    CASE WHEN rule IS NOT NULL THEN 'out_of_scope' ELSE 'counted' END AS place,
    ['decided'] AS marks,
    NULL::VARCHAR AS class,
    1::DECIMAL(28, 10) AS amount
FROM core.coercions AS c
JOIN report.years AS y USING (agency)
WHERE c.state = 'current'
