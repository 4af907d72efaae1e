-- Every landed row in every report of its organ: where it went and why. Grain: one landed row in one report.
SELECT p.agency, y.agency_name, p.year, p.subject, p.record_key, f.source, f.path, f.sheet, p.row_no, p.place, p.rule,
    coalesce(r.meaning, g.meaning) AS reason, q.field, q.value,
    CASE WHEN l.place IN ('superseded', 'duplicate') THEN i.path END AS instead_path,
    CASE WHEN l.place IN ('superseded', 'duplicate') THEN l.ref_row_no END AS instead_row_no
FROM report.places AS p
JOIN report.years AS y USING (agency, year)
JOIN core.ledger AS l USING (file_id, row_no)
JOIN report.sources AS f USING (file_id)
LEFT JOIN report.sources AS i ON i.file_id = l.ref_file_id
LEFT JOIN core.quarantine AS q ON q.file_id = p.file_id AND q.row_no = p.row_no
LEFT JOIN audit.reasons AS r ON r.kind = 'rule' AND r.code = p.rule
LEFT JOIN audit.reasons AS g ON g.kind = 'place' AND g.code = p.place
