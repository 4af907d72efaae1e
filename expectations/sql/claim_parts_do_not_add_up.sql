-- Claims whose parts do not add up to the whole. Grain: one claim of one report.
-- Where the gap is a figure of another claim of the same report, that one was probably counted in, or left out.
WITH summed AS (
    SELECT agency, year, claim, any_value(value) FILTER (part = 0) AS whole, sum(value) FILTER (part > 0) AS parts, whole - parts AS gap
    FROM report.claims
    WHERE list_contains($years, year)
    GROUP BY ALL
),
named AS (
    SELECT s.agency, s.year, s.claim,
        string_agg('“' || c.claim || CASE WHEN c.part > 0 THEN '”中的“' || c.name ELSE '' END || '”', '、' ORDER BY c.claim, c.part) AS same
    FROM summed AS s
    JOIN report.claims AS c ON c.agency = s.agency AND c.year = s.year AND c.claim <> s.claim AND c.value = abs(s.gap)
    WHERE s.gap <> 0
    GROUP BY ALL
)
SELECT s.agency, s.year, NULL AS subject, format('{:.15g}', s.whole::DOUBLE) AS expected, format('{:.15g}', s.parts::DOUBLE) AS actual,
    '“' || s.claim || '”各项之和比总数' || CASE WHEN s.gap > 0 THEN '少 ' ELSE '多 ' END || format('{:.15g}', abs(s.gap)::DOUBLE)
        || coalesce('，恰好等于' || n.same || '的数字', '') AS detail
FROM summed AS s
LEFT JOIN named AS n USING (agency, year, claim)
WHERE s.gap <> 0
