-- Rows that cleaning marked, whatever their place. Grain: one landed row.
SELECT agency, subject, file_id, row_no, record_key, field, value AS actual
FROM core.row_findings
WHERE rule = 'fewer_than_two_inspectors'
