-- Cells that are not the sum of their evidence, or say another number of records; evidence of a cell that is not there.
-- Grain: one cell of one report. A cell without a value is unknown, and no sum.
SELECT e.agency, e.year, e.cell_id,
    coalesce(e.subject, f.subject, CASE WHEN starts_with(e.cell_id, 'section1.') THEN 'publications' ELSE 'applications' END) AS subject,
    coalesce(format('{:.15g}', e.total::DOUBLE), '0') || '（' || e.rows || ' 条）' AS expected,
    coalesce(format('{:.15g}', c.value::DOUBLE) || '（' || c.records || ' 条）', '没有这个单元格') AS actual
FROM (
    SELECT agency, year, cell_id, any_value(subject) AS subject, sum(amount) AS total, count(*) FILTER (is_evidence) AS rows
    FROM (
        SELECT agency, year, cell_id, subject, amount, true AS is_evidence FROM report.evidence WHERE list_contains($years, year)
        UNION ALL
        SELECT agency, year, cell_id, NULL, NULL, false FROM figures
    )
    GROUP BY ALL
) AS e
LEFT JOIN figures AS c USING (agency, year, cell_id)
LEFT JOIN (SELECT cell_id, any_value(subject) AS subject FROM report.form_cells GROUP BY ALL) AS f ON f.cell_id = e.cell_id
WHERE c.cell_id IS NULL OR (c.value IS NOT NULL AND (c.value <> coalesce(e.total, 0) OR c.records IS DISTINCT FROM e.rows))
