-- Claims about results of inspections that equal the number of penalties. Grain: one figure of one claim.
SELECT c.agency, c.year, 'penalties' AS subject, f.cell_id, c.value::BIGINT::VARCHAR AS actual, '“' || c.claim || '”' AS detail
FROM report.claims AS c
JOIN figures AS f USING (agency, year)
JOIN report.form_cells AS l ON l.format = f.format AND l.cell_id = f.cell_id AND l.subject = 'penalties' AND l.mark = 'decided'
WHERE c.counts = 'inspections' AND c.value > 0 AND c.value = f.value
