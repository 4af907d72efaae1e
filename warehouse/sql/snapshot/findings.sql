-- Findings as they stand, also those that judge a draft. Grain: one finding.
SELECT f.agency, y.agency_name, f.year, f.version, f.rule, f.severity,
    CASE f.severity WHEN 'critical' THEN '严重' WHEN 'warning' THEN '提醒' WHEN 'info' THEN '说明' END AS severity_zh,
    f.subject, f.source, f.path, f.sheet, f.row_no, f.record_key, f.cell_id, f.field, f.expected, f.actual, f.difference, f.records,
    f.detail, f.message, f.finding_id
FROM report.findings AS f
LEFT JOIN (SELECT agency, any_value(agency_name) AS agency_name FROM report.years GROUP BY agency) AS y ON y.agency = f.agency
