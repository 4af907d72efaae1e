-- Every version of every report. Grain: one version.
SELECT y.agency_name, v.year, v.version, v.as_of, date_trunc('second', v.made_at) AS made_at, v.cells_changed, v.evidence_changed, date_trunc('second', p.published_at) AS published_at,
    p.version IS NOT DISTINCT FROM max(p.version) OVER (PARTITION BY v.agency, v.year) AND p.version IS NOT NULL AS is_current, v.content_sha256
FROM report.versions AS v
JOIN report.years AS y USING (agency, year)
LEFT JOIN report.publications AS p USING (agency, year, version)
WHERE ($year IS NULL OR v.year = $year) AND ($agency IS NULL OR v.agency = $agency)
ORDER BY y.agency_name, v.year, v.version
