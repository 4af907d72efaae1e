-- Every cell of every report that is due. Grain: one cell of one report.
-- A cell is the sum of its evidence. Where a configured source never delivered, or no source is configured, or the form's cell is
-- one that no record can be counted in, the value is null: unknown is never zero.
WITH wanted AS (
    SELECT DISTINCT y.agency, y.year, c.cell_id, CASE WHEN c.mark IS NOT NULL THEN c.subject END AS subject
    FROM report.years AS y
    JOIN report.form_cells AS c USING (format)
    WHERE list_contains($years, y.year)
    UNION
    SELECT y.agency, y.year, v.cell_id, v.subject
    FROM report.years AS y
    CROSS JOIN (VALUES ('section1.publications_total', 'publications'), ('section6.fee_notices', 'applications'),
        ('section6.fee_billed_yuan', 'applications'), ('section6.fee_collected_yuan', 'applications')) AS v(cell_id, subject)
    WHERE list_contains($years, y.year)
    UNION
    SELECT DISTINCT agency, year, cell_id, subject FROM new_evidence WHERE list_contains($years, year)
),
counted AS (
    SELECT e.agency, e.year, e.cell_id, sum(e.amount)::DECIMAL(28, 10) AS value, count(*) AS records,
        -- A row of evidence is told by content of its file, row and amount (1 where none is written): equal digests, equal evidence.
        lower(to_hex(bit_xor(md5_number(f.sha256[:32] || e.row_no || CASE WHEN e.amount = 1 THEN '' ELSE '|' || e.amount END)))) AS evidence_md5
    FROM new_evidence AS e
    JOIN raw.files AS f USING (file_id)
    GROUP BY ALL
),
present AS (
    SELECT e.agency, e.subject, bool_and(f.source IS NOT NULL) AS is_complete
    FROM report.expected_sources AS e
    LEFT JOIN (SELECT DISTINCT source, subject FROM raw.files WHERE state IN ('landed', 'same_bytes')) AS f USING (source, subject)
    GROUP BY ALL
)
SELECT w.agency, w.year, w.cell_id,
    CASE WHEN p.is_complete THEN coalesce(c.value, 0) END::DECIMAL(28, 10) AS value,
    coalesce(c.records, 0) AS records, c.evidence_md5
FROM wanted AS w
LEFT JOIN present AS p USING (agency, subject)
LEFT JOIN counted AS c USING (agency, year, cell_id)
