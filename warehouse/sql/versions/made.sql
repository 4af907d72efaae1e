-- The new versions with the digest of their content: cells, and the digest of the evidence of each. Grain: one report.
SELECT n.agency, n.year, n.version, y.format, least($today::DATE, make_date(n.year, 12, 31)) AS as_of,
    sha256(string_agg(concat_ws('|', k.cell_id, coalesce(k.value::VARCHAR, ''), k.records, coalesce(k.evidence_md5, '')), ',' ORDER BY k.cell_id)) AS content_sha256,
    any_value(c.inputs_sha256) AS inputs_sha256, any_value(c.settings_sha256) AS settings_sha256,
    n.cells_changed::BIGINT AS cells_changed, coalesce(any_value(e.rows), 0)::BIGINT AS evidence_changed
FROM changed AS n
JOIN counted AS c USING (agency, year)
JOIN report.years AS y USING (agency, year)
JOIN new_cells AS k USING (agency, year)
LEFT JOIN (
    SELECT agency, year, sum(rows) AS rows
    FROM (
        SELECT agency, year, count(*) AS rows FROM evidence_gone GROUP BY ALL
        UNION ALL
        SELECT v.agency, v.year, count(*) FROM report.evidence_versions AS v JOIN changed AS d ON d.agency = v.agency AND d.year = v.year AND d.version = v.v_from
        GROUP BY ALL
    )
    GROUP BY ALL
) AS e USING (agency, year)
GROUP BY n.agency, n.year, n.version, y.format, n.cells_changed
ORDER BY ALL
