-- Permit decisions judged for each report year. Grain: one current decision and one report year.
-- Which results are 处理决定 is open in law: setting permit_results_counted, default 准予、不予、准予变更、准予延续; 撤销 is not.
SELECT p.agency, y.year, p.file_id, p.row_no,
    CASE
        WHEN p.organ_code <> p.agency THEN 'other_agency'
        WHEN year(p.decided_on) <> y.year THEN 'other_year'
        WHEN list_contains(s.counted, p.decision_result) THEN NULL
        WHEN p.decision_result = '撤销' THEN 'permit_revocation'
        ELSE 'permit_result_not_counted'
    END AS rule,
    CASE WHEN rule IS NOT NULL THEN 'out_of_scope' ELSE 'counted' END AS place,
    ['decided'] AS marks,
    NULL::VARCHAR AS class,
    1::DECIMAL(28, 10) AS amount
FROM core.permits AS p
JOIN report.years AS y USING (agency)
CROSS JOIN (SELECT string_split(any_value(value), ',') AS counted FROM report.settings WHERE name = 'permit_results_counted') AS s
WHERE p.state = 'current'
