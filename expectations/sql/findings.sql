-- Complete what the rules found with place, severity and message, and store it. Grain: one finding.
-- The id is a digest of rule and place: the same fault has the same id every night, and of several contents of a path the last speaks.
INSERT INTO report.findings BY NAME
WITH placed AS (
    SELECT f.rule, t.severity, f.agency, f.year, f.subject, coalesce(f.source, g.source) AS source, g.path, g.sheet, g.sha256, f.row_no, f.record_key,
        f.file_id, f.cell_id, f.field, f.expected, f.actual, f.detail, f.records, t.message, t.remedy, x.field_zh, s.subject_zh, coalesce(r.reason_zh, f.detail) AS detail_zh,
        CASE WHEN k.several THEN '来源“' || g.source || '”的 ' ELSE '' END || g.path || coalesce('，工作表“' || g.sheet || '”', '') || coalesce('，第 ' || f.row_no || ' 行', '') AS place,
        coalesce(l.label, u.touched) AS cells
    FROM found AS f
    JOIN texts AS t USING (rule)
    LEFT JOIN subjects AS s ON s.subject = f.subject
    LEFT JOIN touched AS u ON u.subject = f.subject
    LEFT JOIN raw.files AS g USING (file_id)
    LEFT JOIN (SELECT agency, subject, count(*) > 1 AS several FROM report.expected_sources GROUP BY ALL) AS k
        ON k.agency = f.agency AND k.subject = f.subject
    LEFT JOIN fields AS x ON x.subject = f.subject AND x.field = f.field
    LEFT JOIN reasons AS r ON r.reason = f.detail
    LEFT JOIN (SELECT cell_id, any_value(label) AS label FROM report.form_cells GROUP BY cell_id) AS l ON l.cell_id = f.cell_id
)
SELECT md5(concat_ws('|', rule, agency, coalesce(year::VARCHAR, ''), subject, source, path, sheet, row_no::VARCHAR, cell_id, detail)) AS finding_id,
    rule, severity, agency, year, v.version, subject, source, path, sheet, row_no, record_key, cell_id, field, expected, actual,
    regexp_replace((try_cast(actual AS DECIMAL(28, 10)) - try_cast(expected AS DECIMAL(28, 10)))::VARCHAR, '\.?0+$', '') AS difference,
    coalesce(records, nullif(record_key, ''), k.keys) AS records, detail,
    reduce([
        ['{place}', coalesce(place, '')], ['{key}', coalesce(nullif(record_key, ''), '（无编号）')], ['{subject}', coalesce(subject_zh, '')],
        ['{field}', coalesce(field_zh, field, '')],
        ['{actual}', CASE WHEN rule IN ('quarantined_row', 'bad_uscc') THEN coalesce('的内容是“' || actual || '”', '（内容不显示）') ELSE coalesce(actual, '') END],
        ['{expected}', coalesce(expected, '')], ['{cells}', coalesce(cells, '')], ['{detail}', coalesce(detail_zh, '')], ['{year}', coalesce(year::VARCHAR, '')],
        ['{sha256}', coalesce(sha256, '')]
    ], lambda text, part: [replace(text[1], part[1], part[2])], [message])[1] || remedy AS message
FROM placed
LEFT JOIN (SELECT agency, year, max(version) AS version FROM report.versions GROUP BY ALL) AS v USING (agency, year)
LEFT JOIN (
    SELECT agency, year, cell_id, string_agg(record_key, '、' ORDER BY record_key) AS keys
    FROM (
        SELECT e.agency, e.year, e.cell_id, w.record_key
        FROM report.evidence AS e
        SEMI JOIN found USING (agency, year, cell_id)
        JOIN versions AS w USING (subject, file_id, row_no)
        QUALIFY row_number() OVER (PARTITION BY e.agency, e.year, e.cell_id ORDER BY w.record_key) <= 20
    )
    GROUP BY ALL
) AS k USING (agency, year, cell_id)
QUALIFY row_number() OVER (PARTITION BY finding_id ORDER BY file_id DESC) = 1
