-- The evidence of a version as it is exported. Grain: one record in one cell.
SELECT e.cell_id, e.subject, l.record_key, f.source, f.path, f.sheet, e.row_no, e.amount
FROM report.evidence_versions AS e
LEFT JOIN core.ledger AS l USING (subject, file_id, row_no)
LEFT JOIN raw.files AS f USING (file_id)
WHERE e.agency = $agency AND e.year = $year AND e.v_from <= $version AND (e.v_to IS NULL OR e.v_to > $version)
ORDER BY e.cell_id, e.subject, l.record_key, f.source, f.path, f.sheet, e.row_no, e.file_id
