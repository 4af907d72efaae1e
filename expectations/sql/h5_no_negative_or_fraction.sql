-- Cells that no report can have: below zero, or broken where pieces are counted. Grain: one cell of one report.
-- Cells outside the tables are whole numbers, but for the two amounts of section 六.
SELECT c.agency, c.year, c.cell_id, format('{:.15g}', c.value::DOUBLE) AS actual,
    coalesce(f.subject, CASE WHEN starts_with(c.cell_id, 'section1.') THEN 'publications' ELSE 'applications' END) AS subject,
    CASE WHEN c.value < 0 THEN '小于零' ELSE '不是整数' END AS detail
FROM figures AS c
LEFT JOIN (SELECT format, cell_id, any_value(subject) AS subject, any_value(kind) AS kind FROM report.form_cells GROUP BY ALL) AS f
    USING (format, cell_id)
WHERE c.value < 0
    OR (coalesce(f.kind, 'int') = 'int' AND c.value <> floor(c.value)
        AND c.cell_id NOT IN ('section6.fee_billed_yuan', 'section6.fee_collected_yuan'))
