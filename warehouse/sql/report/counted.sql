-- Reports that are counted, with the digests of what they are counted from. Grain: one report.
SELECT y.agency, y.year, i.inputs_sha256, i.settings_sha256
FROM report.years AS y
JOIN report.inputs AS i USING (agency)
WHERE list_contains($years, y.year)
