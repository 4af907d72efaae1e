-- Documents that are said to have ended, without the day: they are counted neither as repealed nor as valid. Grain: one document.
SELECT d.agency, 'normative_documents' AS subject, d.file_id, d.row_no, d.record_key, 'status_changed_on' AS field, d.status AS actual
FROM core.normative_documents AS d
JOIN report.agency_names AS n ON n.agency = d.agency AND n.name = d.issuer
WHERE d.state = 'current' AND d.kind_code IS NOT NULL AND d.status IN ('废止', '失效') AND d.status_changed_on IS NULL
