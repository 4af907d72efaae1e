-- Register rows in scope whose 有效期至 lies before 31 December of the report year while the status says 有效: the row that counts,
-- and the latest row of each source, because whoever keeps a register must mend it. Grain: one row and report year.
SELECT d.agency, y.year, 'normative_documents' AS subject, d.file_id, d.row_no, d.record_key, 'expires_on' AS field, d.expires_on::VARCHAR AS actual
FROM core.normative_documents AS d
JOIN report.years AS y USING (agency)
JOIN report.agency_names AS n ON n.agency = d.agency AND n.name = d.issuer
WHERE (d.state = 'current' OR d.is_latest_in_source) AND list_contains($years, y.year) AND d.kind_code IS NOT NULL
    AND d.dated_on <= make_date(y.year, 12, 31) AND d.status = '有效' AND d.expires_on < make_date(y.year, 12, 31)
