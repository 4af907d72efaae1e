-- Counted reports that become a new version: a cell or its evidence differs, or there is no version yet. Grain: one report.
SELECT c.agency, c.year, coalesce(v.version, 0) + 1 AS version, coalesce(k.cells, 0) AS cells_changed
FROM counted AS c
LEFT JOIN (SELECT agency, year, max(version) AS version FROM report.versions GROUP BY ALL) AS v USING (agency, year)
LEFT JOIN (SELECT agency, year, count(*) FILTER (is_other) AS cells FROM cell_changes GROUP BY ALL) AS k USING (agency, year)
WHERE k.cells IS NOT NULL OR v.version IS NULL
