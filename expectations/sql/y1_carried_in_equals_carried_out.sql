-- Columns of table 3 whose 上年结转 differs from 结转下年度继续办理 of the report of the year before. Grain: one column of one report.
SELECT c.agency, c.year, 'applications' AS subject, c.cell_id,
    p.value::BIGINT::VARCHAR AS expected, c.value::BIGINT::VARCHAR AS actual
FROM figures AS c
JOIN layout AS f USING (format, cell_id)
JOIN previous AS p ON p.agency = c.agency AND p.year = c.year AND p.cell_id = 'table3.carried_out.' || f.col_key
WHERE f.grid = 'table3' AND f.row_key = 'carried_in' AND p.value <> c.value
