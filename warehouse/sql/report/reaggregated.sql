-- Cells that are not the sum of their evidence. Grain: one cell; no row means that every cell is.
-- A cell without a value may have evidence: where one of several sources never delivered, what is known is not the whole.
SELECT agency, year, cell_id, c.value, e.total
FROM (SELECT agency, year, cell_id, value, true AS is_there FROM new_cells WHERE list_contains($years, year)) AS c
FULL JOIN (SELECT agency, year, cell_id, sum(amount) AS total FROM new_evidence WHERE list_contains($years, year) GROUP BY ALL) AS e
    USING (agency, year, cell_id)
WHERE coalesce(c.value, e.total, 0) <> coalesce(e.total, 0) OR c.is_there IS NULL
ORDER BY ALL
