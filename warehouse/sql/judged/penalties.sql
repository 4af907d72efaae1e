-- Penalty decisions judged for each report year. Grain: one current decision and one report year.
-- Every decision made in the year counts, published or lawfully not, also one later revoked or changed; 不予处罚 is no penalty
-- (行政处罚法 Art. 57; setting penalty_states_counted).
SELECT p.agency, y.year, p.file_id, p.row_no,
    CASE
        WHEN p.organ_code <> p.agency THEN 'other_agency'
        WHEN year(p.decided_on) <> y.year THEN 'other_year'
        WHEN NOT list_contains(s.counted, p.decision_state) THEN 'not_a_penalty'
    END AS rule,
    CASE WHEN rule IS NOT NULL THEN 'out_of_scope' ELSE 'counted' END AS place,
    ['decided'] AS marks,
    NULL::VARCHAR AS class,
    1::DECIMAL(28, 10) AS amount
FROM core.penalties AS p
JOIN report.years AS y USING (agency)
CROSS JOIN (SELECT string_split(any_value(value), ',') AS counted FROM report.settings WHERE name = 'penalty_states_counted') AS s
WHERE p.state = 'current'
