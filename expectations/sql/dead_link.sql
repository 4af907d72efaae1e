-- Published addresses that answered 404 or 410 last. Grain: one address; of several items that share it, one is named.
SELECT i.agency, 'publications' AS subject, i.item_id AS record_key, i.path AS detail, i.dead_since::VARCHAR AS actual,
    i.dead_hits::VARCHAR AS expected
FROM core.site_items AS i
SEMI JOIN report.agency_names AS n ON n.agency = i.agency AND n.name = i.publisher
WHERE i.dead_since IS NOT NULL AND i.disclosure = '主动公开'
QUALIFY row_number() OVER (PARTITION BY i.agency, i.path ORDER BY i.published_at DESC, i.item_id) = 1
