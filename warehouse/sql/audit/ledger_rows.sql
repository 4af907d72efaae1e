-- The landed rows that a report does not count, and why. Grain: one landed row and report.
SELECT p.agency, p.year, p.subject, f.source, f.path, f.sheet, p.row_no, p.record_key, p.place, p.rule
FROM report.places AS p
JOIN raw.files AS f USING (file_id)
WHERE p.place NOT IN ('counted', 'pending') AND ($year IS NULL OR p.year = $year) AND ($agency IS NULL OR p.agency = $agency)
ORDER BY p.agency, p.year, p.subject, f.path, p.row_no
