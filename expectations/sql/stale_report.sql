-- Reports that this run did not count although their data or settings have changed since they were counted. Grain: one report.
SELECT y.agency, y.year, y.agency_name AS detail
FROM report.years AS y
JOIN report.inputs AS i USING (agency)
WHERE y.inputs_sha256 IS NOT NULL AND (y.inputs_sha256, y.settings_sha256) IS DISTINCT FROM (i.inputs_sha256, i.settings_sha256)
