-- Published versions. Grain: one published version.
SELECT v.agency, y.agency_name, v.year, v.version, p.published_at, v.as_of,
    v.version = max(v.version) OVER (PARTITION BY v.agency, v.year) AS is_current,
    v.format, v.made_at, v.cells_changed, v.evidence_changed, v.content_sha256, v.inputs_sha256, v.settings_sha256,
    v.code_version, v.rules_version, p.folder, p.manifest_sha256
FROM report.versions AS v
JOIN report.publications AS p USING (agency, year, version)
LEFT JOIN report.years AS y USING (agency, year)
