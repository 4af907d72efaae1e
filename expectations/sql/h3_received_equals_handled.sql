-- Columns of table 3 in which 一 + 二 differs from 三 + 四. Grain: one column of one report.
SELECT c.agency, c.year, 'applications' AS subject, 'table3.carried_out.' || f.col_key AS cell_id,
    sum(c.value) FILTER (f.row_key IN ('new_received', 'carried_in')) AS want,
    sum(c.value) FILTER (f.row_key IN ('total_handled', 'carried_out')) AS have,
    want::BIGINT::VARCHAR AS expected, have::BIGINT::VARCHAR AS actual
FROM figures AS c
JOIN layout AS f USING (format, cell_id)
WHERE f.grid = 'table3'
GROUP BY c.agency, c.year, f.col_key
HAVING want IS DISTINCT FROM have
