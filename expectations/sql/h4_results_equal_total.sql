-- Groups of table 4 whose results do not add up to the total. Grain: one group of one report.
SELECT c.agency, c.year, 'disputes' AS subject, 'table4.' || f.row_key || '.total' AS cell_id,
    sum(c.value) FILTER (f.col_key <> 'total') AS want, any_value(c.value) FILTER (f.col_key = 'total') AS have,
    want::BIGINT::VARCHAR AS expected, have::BIGINT::VARCHAR AS actual
FROM figures AS c
JOIN layout AS f USING (format, cell_id)
WHERE f.grid = 'table4'
GROUP BY c.agency, c.year, f.row_key
HAVING want IS DISTINCT FROM have
