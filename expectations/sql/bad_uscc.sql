-- Rows that cleaning marked, whatever their place, of contents that lie at the source still. Grain: one landed row.
SELECT agency, subject, file_id, row_no, record_key, field, value AS actual
FROM core.row_findings
SEMI JOIN lying USING (file_id)
ANTI JOIN raw.withdrawn USING (file_id, row_no)
WHERE rule = 'bad_uscc'
