-- Files that were handed over, landed or rejected. Grain: one file content, or one byte range of a log.
SELECT f.file_id, f.agency, y.agency_name, f.source, f.subject, f.path, f.state, f.reason, r.meaning AS reason_zh,
    f.sha256, f.bytes, f.landed_at, f.sheet, f.rows_read, g.reason AS ignored_why, g.until AS ignored_until
FROM report.sources AS f
LEFT JOIN (SELECT agency, any_value(agency_name) AS agency_name FROM report.years GROUP BY agency) AS y ON y.agency = f.agency
LEFT JOIN audit.reasons AS r ON r.kind = 'rejection' AND r.code = f.reason
LEFT JOIN report.ignored AS g ON g.sha256 = f.sha256
