-- Evidence of changed cells that the latest version has not. Grain: one record in one cell.
SELECT n.agency, n.year, n.cell_id, n.subject, n.file_id, n.row_no, n.amount, c.version AS v_from
FROM new_evidence AS n
JOIN (FROM cell_changes JOIN changed USING (agency, year)) AS c USING (agency, year, cell_id)
ANTI JOIN (FROM report.evidence_versions SEMI JOIN changed USING (agency, year) WHERE v_to IS NULL) AS e
    USING (agency, year, cell_id, file_id, row_no, amount)
