-- Cells of published versions that are not the sum of their evidence. Grain: one cell of one version; no row means that every cell is.
-- A cell without a value may have evidence: where one of several sources never delivered, what is known is not the whole.
WITH cells AS (
    SELECT p.agency, p.year, p.version, c.cell_id, c.value, c.records, true AS is_there
    FROM report.publications AS p
    JOIN report.cell_versions AS c ON c.agency = p.agency AND c.year = p.year AND c.v_from <= p.version AND (c.v_to IS NULL OR c.v_to > p.version)
),
evidence AS (
    SELECT p.agency, p.year, p.version, e.cell_id, sum(e.amount) AS total, count(*) AS records
    FROM report.publications AS p
    JOIN report.evidence_versions AS e ON e.agency = p.agency AND e.year = p.year AND e.v_from <= p.version AND (e.v_to IS NULL OR e.v_to > p.version)
    GROUP BY ALL
)
SELECT agency, year, version, cell_id, c.value, e.total
FROM cells AS c
FULL JOIN evidence AS e USING (agency, year, version, cell_id)
WHERE c.is_there IS NULL OR c.value <> coalesce(e.total, 0) OR c.records <> coalesce(e.records, 0)
ORDER BY ALL
