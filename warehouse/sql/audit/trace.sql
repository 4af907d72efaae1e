-- The records behind a cell. Grain: one record in one cell of one report.
SELECT e.agency, e.year, e.cell_id, e.subject, l.record_key, f.source, f.path, f.sheet, e.row_no, e.amount
FROM report.evidence AS e
JOIN core.ledger AS l USING (file_id, row_no)
JOIN raw.files AS f USING (file_id)
WHERE e.cell_id = $cell AND ($year IS NULL OR e.year = $year) AND ($agency IS NULL OR e.agency = $agency)
ORDER BY e.agency, e.year, l.record_key, f.source, f.path, e.row_no
