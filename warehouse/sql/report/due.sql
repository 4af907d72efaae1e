-- Reports whose data, settings or code differ from those their cells were counted from. Grain: one report.
SELECT y.agency, y.year
FROM report.years AS y
JOIN report.inputs AS i USING (agency)
WHERE list_contains($years, y.year)
    AND (y.inputs_sha256, y.settings_sha256, y.code_version) IS DISTINCT FROM (i.inputs_sha256, i.settings_sha256, $code)
ORDER BY ALL
