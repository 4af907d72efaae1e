-- Evidence of the statutory tables: which record feeds which cell. Grain: one record in one cell.
-- The form says which mark and class a cell counts; a total has a mark or class of its own and is no sum of other cells.
-- `judged` stands for the judged records of all subjects.
SELECT j.agency, j.year, c.cell_id, c.subject, j.file_id, j.row_no, j.amount
FROM (SELECT * EXCLUDE (marks), unnest(marks) AS mark FROM judged WHERE place IN ('counted', 'pending') AND list_contains($years, year)) AS j
JOIN report.years AS y USING (agency, year)
JOIN report.form_cells AS c ON c.format = y.format AND c.subject = j.subject AND c.mark = j.mark AND (c.class = '*' OR c.class = j.class)
