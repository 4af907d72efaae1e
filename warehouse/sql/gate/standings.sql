-- Where each report stands: latest version, version in force, messages of the critical findings that hold it back. Grain: one report.
-- A finding of no year concerns every year of its organ, one of no organ every organ.
SELECT y.agency, y.agency_name, y.year, d.version AS draft, p.version AS published,
    (SELECT list(f.message ORDER BY f.rule, f.path, f.finding_id)
        FROM report.findings AS f
        WHERE f.severity = 'critical' AND (f.agency IS NULL OR f.agency = y.agency) AND (f.year IS NULL OR f.year = y.year)) AS critical
FROM report.years AS y
JOIN (SELECT agency, year, max(version) AS version FROM report.versions GROUP BY ALL) AS d USING (agency, year)
LEFT JOIN (SELECT agency, year, max(version) AS version FROM report.publications GROUP BY ALL) AS p USING (agency, year)
WHERE list_contains($years, y.year)
ORDER BY y.agency_name, y.agency, y.year
