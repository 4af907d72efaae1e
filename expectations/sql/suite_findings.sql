-- What the suites found, as the rules in SQL find it. Grain: one row of a table, or one table where the rule is about the whole of it.
INSERT INTO found BY NAME
SELECT r.rule, w.agency,
    coalesce(f.subject, CASE WHEN r.table_name = 'core.access_log_days' THEN 'access_log' ELSE split_part(r.table_name, '.', 2) END) AS subject,
    nullif(w.file_id, 0) AS file_id, nullif(w.row_no, 0) AS row_no, v.record_key, r.field, r.unexpected::VARCHAR AS actual,
    coalesce(nullif(r.detail, ''), r.table_name) AS detail
FROM report.suite_results AS r
LEFT JOIN report.suite_rows AS w USING (table_name, rule)
LEFT JOIN raw.files AS f USING (file_id)
LEFT JOIN versions AS v ON v.subject = f.subject AND v.file_id = w.file_id AND v.row_no = w.row_no
WHERE NOT r.passed AND r.error = ''
