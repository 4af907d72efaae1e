-- Channels with items that nobody has fetched although the logs cover their first days. Grain: one channel.
-- An address on a host of which the logs show no item at all is another site's and is not judged here.
WITH logs AS (SELECT agency, min(day) AS first_day, max(day) AS last_day FROM core.access_log_days GROUP BY agency),
expected AS (
    SELECT i.agency, coalesce(i.channel, '（未填栏目）') AS channel, i.item_id, l.days, i.published_at
    FROM core.site_items AS i
    JOIN logs USING (agency)
    JOIN report.site_limits AS l ON l.kind = 'unfetched' AND l.days > 0
    SEMI JOIN report.agency_names AS n ON n.agency = i.agency AND n.name = i.publisher
    SEMI JOIN (FROM core.site_items WHERE last_answer_at IS NOT NULL) AS s ON s.agency = i.agency AND s.host = i.host
    WHERE i.disclosure = '主动公开' AND i.path IS NOT NULL AND i.withdrawn_at IS NULL AND i.first_fetched_at IS NULL AND i.dead_since IS NULL
        AND i.published_at::DATE BETWEEN logs.first_day AND logs.last_day - l.days::INT
)
SELECT agency, 'publications' AS subject, channel AS detail, count(*)::VARCHAR AS actual, any_value(days)::VARCHAR AS expected,
    array_to_string(list(item_id ORDER BY published_at, item_id)[:20], '、') AS records
FROM expected
GROUP BY agency, channel
