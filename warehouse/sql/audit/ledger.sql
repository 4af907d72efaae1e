-- The ledger in numbers. Grain: one report, subject, place and rule.
SELECT y.agency_name, t.year, t.subject, t.place, t.rule, t.rows
FROM report.ledger_totals AS t
JOIN report.years AS y USING (agency, year)
WHERE ($year IS NULL OR t.year = $year) AND ($agency IS NULL OR t.agency = $agency)
ORDER BY y.agency_name, t.year, t.subject, list_position(['counted', 'pending', 'out_of_scope', 'superseded', 'duplicate', 'quarantined'], t.place), t.rule
