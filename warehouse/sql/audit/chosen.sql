-- The versions that were asked for: a number, the latest draft, or the one in force. Grain: one report.
SELECT v.agency, v.year, v.version, p.version IS NOT NULL AS is_published
FROM report.versions AS v
JOIN report.years AS y USING (agency, year)
LEFT JOIN report.publications AS p USING (agency, year, version)
WHERE ($year IS NULL OR v.year = $year) AND ($agency IS NULL OR v.agency = $agency)
    AND CASE WHEN $version IS NOT NULL THEN v.version = $version WHEN $draft THEN true ELSE p.version IS NOT NULL END
QUALIFY v.version = max(v.version) OVER (PARTITION BY v.agency, v.year)
ORDER BY y.agency_name, v.agency, v.year
