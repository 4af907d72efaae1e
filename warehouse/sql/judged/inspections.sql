-- Random inspections judged for each report year. Grain: one current inspection and one report year.
-- An inspection is no penalty: it counts in no cell and feeds the checks alone (source contracts 2.4).
SELECT i.agency, y.year, i.file_id, i.row_no,
    CASE
        WHEN i.organ_code IS DISTINCT FROM i.agency THEN 'other_agency'
        WHEN year(i.inspected_on) <> y.year THEN 'other_year'
        ELSE 'inspection_not_a_decision'
    END AS rule,
    'out_of_scope' AS place,
    []::VARCHAR[] AS marks,
    NULL::VARCHAR AS class,
    0::DECIMAL(28, 10) AS amount
FROM core.inspections AS i
JOIN report.years AS y USING (agency)
WHERE i.state = 'current'
