-- Figures of the narrative that differ from the cell they must equal. Grain: one figure of one claim.
-- A channel in which nothing was published has no cell: it is zero as long as the publications are known.
SELECT c.agency, c.year, NULL AS subject, c.cell_id, format('{:.15g}', counted::DOUBLE) AS expected, format('{:.15g}', c.value::DOUBLE) AS actual,
    '“' || c.claim || CASE WHEN c.part > 0 THEN '”中的“' || c.name ELSE '' END || '”应与' || coalesce(l.label, CASE
        WHEN c.cell_id = 'section1.publications_total' THEN '第一部分发布条数'
        WHEN starts_with(c.cell_id, 'section1.by_channel.') THEN '第一部分栏目“' || substr(c.cell_id, 21) || '”的发布条数'
        WHEN c.cell_id = 'section6.fee_notices' THEN '第六部分收费通知件数'
        WHEN c.cell_id = 'section6.fee_billed_yuan' THEN '第六部分通知收费金额（元）'
        WHEN c.cell_id = 'section6.fee_collected_yuan' THEN '第六部分实际收费金额（元）'
    END) || '一致' AS detail
FROM (
    SELECT n.*, f.format, CASE
        WHEN f.cell_id IS NULL AND starts_with(n.cell_id, 'section1.by_channel.') AND t.value IS NOT NULL THEN 0::DECIMAL(28, 10)
        ELSE f.value
    END AS counted
    FROM report.claims AS n
    LEFT JOIN figures AS f USING (agency, year, cell_id)
    LEFT JOIN figures AS t ON t.agency = n.agency AND t.year = n.year AND t.cell_id = 'section1.publications_total'
    WHERE n.cell_id IS NOT NULL AND list_contains($years, n.year)
) AS c
LEFT JOIN (SELECT format, cell_id, any_value(label) AS label FROM report.form_cells GROUP BY ALL) AS l USING (format, cell_id)
WHERE c.counted <> c.value
