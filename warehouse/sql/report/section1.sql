-- Evidence of the publication figures of section 一: the total and each channel count different items.
-- Grain: one publish event in one cell. An item counts once in the total and once in each channel it appears in.
SELECT agency, year, 'section1.publications_total' AS cell_id, 'publications' AS subject, file_id, row_no, amount
FROM report.judged_publications
WHERE place = 'counted' AND list_contains($years, year)
UNION ALL
SELECT j.agency, j.year, 'section1.by_channel.' || coalesce(p.channel, '（未填栏目）'), 'publications', j.file_id, j.row_no,
    (row_number() OVER (PARTITION BY j.agency, j.year, p.channel, p.item_id ORDER BY p.acted_at, j.file_id, j.row_no) = 1)::INT::DECIMAL(28, 10)
FROM report.judged_publications AS j
JOIN core.publications AS p USING (file_id, row_no)
WHERE j.place = 'counted' AND list_contains($years, j.year)
