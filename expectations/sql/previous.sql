-- Figures of the year before each report that is judged. Grain: one cell of one report.
-- Those of the version in force; else those a clerk gave for a report made without this job; else those of the draft beside it, which are
-- what this night is about to publish: the first night must say what the second would.
WITH known AS (
    SELECT y.agency, y.year, p.version,
        CASE WHEN p.version IS NULL THEN g.agency IS NOT NULL ELSE false END AS is_given,
        coalesce(p.version, CASE WHEN g.agency IS NULL THEN d.version END) AS shown
    FROM report.years AS y
    LEFT JOIN (SELECT agency, year + 1 AS year, max(version) AS version FROM report.publications GROUP BY ALL) AS p USING (agency, year)
    LEFT JOIN (SELECT DISTINCT agency, year + 1 AS year FROM report.given_figures) AS g USING (agency, year)
    LEFT JOIN (SELECT agency, year + 1 AS year, max(version) AS version FROM report.versions GROUP BY ALL) AS d USING (agency, year)
)
SELECT k.agency, k.year, c.cell_id, c.value, CASE WHEN k.version IS NULL THEN '草稿' ELSE '第 ' || k.version || ' 版' END AS origin
FROM known AS k
JOIN report.cell_versions AS c ON c.agency = k.agency AND c.year = k.year - 1 AND c.v_from <= k.shown AND (c.v_to IS NULL OR c.v_to > k.shown)
UNION ALL
SELECT k.agency, k.year, g.cell_id, g.value, 'gouji.toml'
FROM known AS k
JOIN report.given_figures AS g ON g.agency = k.agency AND g.year = k.year - 1
WHERE k.is_given
