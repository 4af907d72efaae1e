-- Rows of a history as the published versions show them. Grain: one row that stands in at least one published version.
-- v_from is the first published version that has the row, v_to the first published one after it that has it no more: what a draft
-- added or dropped cannot be told from either. `report.history` stands for the table.
WITH published AS (SELECT agency, year, list(version ORDER BY version) AS versions FROM report.publications GROUP BY ALL)
SELECT h.* REPLACE (
    list_min(list_filter(p.versions, lambda v: v >= h.v_from)) AS v_from,
    list_min(list_filter(p.versions, lambda v: v >= h.v_to)) AS v_to
)
FROM report.history AS h
JOIN published AS p USING (agency, year)
WHERE len(list_filter(p.versions, lambda v: v >= h.v_from AND (h.v_to IS NULL OR v < h.v_to))) > 0
ORDER BY ALL
