-- Evidence of changed cells that the latest version has and the new count has not. Grain: one record in one cell.
SELECT e.agency, e.year, e.cell_id, e.file_id, e.row_no
FROM report.evidence_versions AS e
JOIN cell_changes AS c USING (agency, year, cell_id)
ANTI JOIN new_evidence AS n USING (agency, year, cell_id, file_id, row_no, amount)
WHERE e.v_to IS NULL AND c.was_there
