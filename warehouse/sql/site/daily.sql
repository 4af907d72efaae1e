-- Pages shown, by day and channel. Grain: one day and channel of one organ; no channel: pages that are no published item.
-- A path that several items have counts once, for the one published last.
WITH channels AS (
    SELECT p.agency, p.path, coalesce(arg_max(i.channel, (i.published_at, i.item_id)), '（未填栏目）') AS channel
    FROM (SELECT DISTINCT agency, item_id, site_path(url) AS path FROM core.publications WHERE state = 'current') AS p
    JOIN core.site_items AS i USING (agency, item_id)
    WHERE p.path IS NOT NULL
    GROUP BY ALL
),
shown AS (
    SELECT agency, day, c.channel, h.is_bot, sum(h.hits) AS views, sum(h.hits) FILTER (is_page(path)) AS pages
    FROM core.site_hits AS h
    JOIN channels AS c USING (agency, path)
    WHERE is_shown(h.status)
    GROUP BY ALL
),
every AS (
    SELECT agency, day, channel, is_bot, views FROM shown
    UNION ALL
    SELECT agency, day, NULL, is_bot, sum(views) FROM core.site_page_days GROUP BY ALL
    UNION ALL
    SELECT agency, day, NULL, is_bot, -pages FROM shown
)
SELECT agency, day, channel,
    coalesce(sum(views) FILTER (NOT is_bot), 0)::BIGINT AS views,
    coalesce(sum(views) FILTER (is_bot), 0)::BIGINT AS bot_views
FROM every
GROUP BY ALL
HAVING sum(views) > 0
