-- Columns of table 3 whose outcomes do not add up to （七）总计. Grain: one column of one report.
SELECT c.agency, c.year, 'applications' AS subject, 'table3.total_handled.' || f.col_key AS cell_id,
    sum(c.value) FILTER (f.row_key NOT IN ('new_received', 'carried_in', 'total_handled', 'carried_out')) AS want,
    any_value(c.value) FILTER (f.row_key = 'total_handled') AS have,
    want::BIGINT::VARCHAR AS expected, have::BIGINT::VARCHAR AS actual
FROM figures AS c
JOIN layout AS f USING (format, cell_id)
WHERE f.grid = 'table3'
GROUP BY c.agency, c.year, f.col_key
HAVING want IS DISTINCT FROM have
