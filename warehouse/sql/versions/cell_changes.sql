-- Cells that differ from the latest version, by value or by evidence (`is_other`: by value or number of records). Grain: one cell.
SELECT agency, year, cell_id, n.value IS DISTINCT FROM o.value OR n.records IS DISTINCT FROM o.records AS is_other,
    n.cell_id IS NOT NULL AS is_there, o.cell_id IS NOT NULL AS was_there
FROM new_cells AS n
FULL JOIN (FROM report.cell_versions SEMI JOIN counted USING (agency, year) WHERE v_to IS NULL) AS o USING (agency, year, cell_id)
WHERE (n.cell_id, n.value, n.records, n.evidence_md5) IS DISTINCT FROM (o.cell_id, o.value, o.records, o.evidence_md5)
