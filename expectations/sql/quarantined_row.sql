-- Quarantined rows, with reason and field. Grain: one landed row.
SELECT agency, subject, file_id, row_no, record_key, field, value AS actual, reason AS detail
FROM core.quarantine
