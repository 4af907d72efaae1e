-- The fate of the records whose key is or contains $key. Grain: one landed row and report year (null where no year is reported).
SELECT l.subject, l.record_key, f.source, f.path, f.sheet, l.row_no, y.year,
    coalesce(p.place, l.place) AS place, coalesce(p.rule, l.rule) AS rule,
    CASE WHEN l.place <> 'current' THEN r.source || '：' || r.path || '#' || l.ref_row_no END AS instead,
    e.cells
FROM core.ledger AS l
JOIN raw.files AS f USING (file_id)
LEFT JOIN report.years AS y ON y.agency = l.agency AND ($year IS NULL OR y.year = $year)
LEFT JOIN report.places AS p ON p.file_id = l.file_id AND p.row_no = l.row_no AND p.year = y.year AND p.agency = l.agency
LEFT JOIN raw.files AS r ON r.file_id = l.ref_file_id
LEFT JOIN (SELECT year, file_id, row_no, string_agg(cell_id, ', ' ORDER BY cell_id) AS cells FROM report.evidence GROUP BY ALL) AS e
    ON e.file_id = l.file_id AND e.row_no = l.row_no AND e.year = y.year
WHERE contains(l.record_key, $key)
ORDER BY l.record_key <> $key, l.subject, l.record_key, y.year, l.place <> 'current', f.path, l.row_no
