-- Figures of the year before each report that is judged: of the version in force, else as configured. Grain: one cell of one report.
SELECT y.agency, y.year, c.cell_id, c.value, '第 ' || p.version || ' 版' AS origin
FROM report.years AS y
JOIN (SELECT agency, year, max(version) AS version FROM report.publications GROUP BY ALL) AS p ON p.agency = y.agency AND p.year = y.year - 1
JOIN report.cell_versions AS c ON c.agency = p.agency AND c.year = p.year AND c.v_from <= p.version AND (c.v_to IS NULL OR c.v_to > p.version)
UNION ALL
SELECT y.agency, y.year, g.cell_id, g.value, 'gouji.toml'
FROM report.years AS y
JOIN report.given_figures AS g ON g.agency = y.agency AND g.year = y.year - 1
ANTI JOIN report.publications AS p ON p.agency = y.agency AND p.year = y.year - 1
