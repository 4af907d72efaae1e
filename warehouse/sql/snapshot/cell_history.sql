-- Cells of every published version. Grain: one cell of one published version.
-- The figures of sections 一 and 六 stand in no form; their channels are whatever the records say.
SELECT v.agency, v.agency_name, v.year, v.version, v.is_current, c.cell_id,
    coalesce(n.label, CASE
        WHEN c.cell_id = 'section1.publications_total' THEN '第一部分 · 发布条数'
        WHEN starts_with(c.cell_id, 'section1.by_channel.') THEN '第一部分 · 发布条数 · ' || substr(c.cell_id, length('section1.by_channel.') + 1)
        WHEN c.cell_id = 'section6.fee_notices' THEN '第六部分 · 信息处理费 · 收费通知件数'
        WHEN c.cell_id = 'section6.fee_billed_yuan' THEN '第六部分 · 信息处理费 · 通知收费金额'
        WHEN c.cell_id = 'section6.fee_collected_yuan' THEN '第六部分 · 信息处理费 · 实际收费金额'
    END) AS label,
    c.value,
    coalesce(n.unit, CASE WHEN starts_with(c.cell_id, 'section1.') THEN '条' WHEN ends_with(c.cell_id, '_yuan') THEN '元' ELSE '件' END) AS unit,
    c.records
FROM audit.versions AS v
JOIN report.cell_versions AS c ON c.agency = v.agency AND c.year = v.year AND c.v_from <= v.version AND (c.v_to IS NULL OR c.v_to > v.version)
LEFT JOIN audit.cell_names AS n ON n.format = v.format AND n.cell_id = c.cell_id
