-- The versions that were published. Grain: one published version.
SELECT v.*
FROM report.versions AS v
SEMI JOIN report.publications AS p USING (agency, year, version)
ORDER BY ALL
