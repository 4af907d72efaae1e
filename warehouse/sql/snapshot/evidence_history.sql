-- Records behind the cells of every published version. Grain: one record in one cell of one published version.
-- The ledger and the files are joined loosely: evidence of a version that was published must never vanish.
SELECT c.agency, c.agency_name, c.year, c.version, c.is_current, c.cell_id, c.label, e.subject, l.record_key, f.source, f.path, f.sheet, e.row_no, e.amount
FROM audit.cell_history AS c
JOIN report.evidence_versions AS e
    ON e.agency = c.agency AND e.year = c.year AND e.cell_id = c.cell_id AND e.v_from <= c.version AND (e.v_to IS NULL OR e.v_to > c.version)
LEFT JOIN core.ledger AS l ON l.subject = e.subject AND l.file_id = e.file_id AND l.row_no = e.row_no
LEFT JOIN report.sources AS f ON f.file_id = e.file_id
