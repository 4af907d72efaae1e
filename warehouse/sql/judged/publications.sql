-- Publication events judged for each report year. Grain: one current event and one report year.
-- Section 1 counts an item once: the first of its events in the year adds 1, each further one 0 (source contracts 6.2).
SELECT *, CASE WHEN place = 'counted' AND first_event THEN 1 ELSE 0 END::DECIMAL(28, 10) AS amount
FROM (
    SELECT p.agency, y.year, p.file_id, p.row_no,
        CASE WHEN rule IS NOT NULL THEN 'out_of_scope' ELSE 'counted' END AS place,
        CASE
            WHEN NOT EXISTS (FROM report.agency_names AS n WHERE n.agency = p.agency AND n.name = p.publisher) THEN 'other_publisher'
            WHEN p.action <> '发布' THEN 'not_a_publish_event'
            WHEN year(p.acted_at) <> y.year THEN 'other_year'
            WHEN p.disclosure IS DISTINCT FROM '主动公开' THEN 'not_proactive'
        END AS rule,
        ['published'] AS marks,
        p.channel AS class,
        row_number() OVER (PARTITION BY p.agency, y.year, rule IS NULL, p.item_id ORDER BY p.acted_at, p.file_id, p.row_no) = 1 AS first_event
    FROM core.publications AS p
    JOIN report.years AS y USING (agency)
    WHERE p.state = 'current'
)
