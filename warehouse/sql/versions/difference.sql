-- Cells of which two versions of a report differ. Grain: one cell.
SELECT coalesce(a.cell_id, b.cell_id) AS cell_id, l.label, a.value AS value_before, b.value AS value_after, b.value - a.value AS difference,
    a.records AS records_before, b.records AS records_after
FROM (FROM report.cell_versions WHERE agency = $agency AND year = $year AND v_from <= $before AND (v_to IS NULL OR v_to > $before)) AS a
FULL JOIN (FROM report.cell_versions WHERE agency = $agency AND year = $year AND v_from <= $after AND (v_to IS NULL OR v_to > $after)) AS b
    USING (cell_id)
LEFT JOIN (SELECT cell_id, any_value(label) AS label FROM report.form_cells GROUP BY cell_id) AS l ON l.cell_id = coalesce(a.cell_id, b.cell_id)
WHERE a.value IS DISTINCT FROM b.value OR a.records IS DISTINCT FROM b.records
ORDER BY 1
