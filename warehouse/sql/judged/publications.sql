-- Publication events judged for each report year. Grain: one current event and one report year.
-- Section 1 counts an item once: the first of its events in the year adds 1, each further one 0 (source contracts 6.2).
SELECT * EXCLUDE (is_first), CASE WHEN place = 'counted' AND is_first THEN 1 ELSE 0 END::DECIMAL(28, 10) AS amount
FROM (
    SELECT p.agency, y.year, p.file_id, p.row_no,
        CASE
            WHEN n.name IS NULL THEN 'other_publisher'
            WHEN p.action <> '发布' THEN 'not_a_publish_event'
            WHEN year(p.acted_at) <> y.year THEN 'other_year'
            WHEN p.disclosure IS DISTINCT FROM '主动公开' THEN 'not_proactive'
        END AS rule,
        CASE WHEN rule IS NOT NULL THEN 'out_of_scope' ELSE 'counted' END AS place,
        ['published'] AS marks,
        p.channel AS class,
        row_number() OVER (PARTITION BY p.agency, y.year, rule IS NULL, p.item_id ORDER BY p.acted_at, p.file_id, p.row_no) = 1 AS is_first
    FROM core.publications AS p
    JOIN report.years AS y USING (agency)
    LEFT JOIN report.agency_names AS n ON n.agency = p.agency AND n.name = p.publisher
    WHERE p.state = 'current'
)
