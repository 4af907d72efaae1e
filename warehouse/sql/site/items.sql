-- Items of the web site and what the logs say of their pages. Grain: one item of one organ.
-- Views are those of every address the item has had; the last answer is that of its address now. A page is dead when that answer is 404
-- or 410, came after the item was last published, and the item is not withdrawn.
WITH events AS (
    SELECT *, site_path(url) AS path, (acted_at, file_id, row_no) AS place
    FROM core.publications
    WHERE state = 'current'
),
items AS (
    SELECT agency, item_id,
        arg_max(channel, place) AS channel,
        arg_max(publisher, place) AS publisher,
        arg_max(disclosure, place) AS disclosure,
        arg_max(CASE WHEN path IS NOT NULL THEN site_host(url) END, place) AS host,
        arg_max(path, place) AS path,
        min(acted_at) FILTER (action = '发布') AS published_at,
        max(acted_at) FILTER (action = '发布') AS last_published_at,
        CASE WHEN arg_max(action, place) = '撤下' THEN max(acted_at) END AS withdrawn_at
    FROM events
    GROUP BY ALL
),
seen AS (
    SELECT e.agency, e.item_id,
        sum(h.hits) FILTER (NOT h.is_bot) AS views,
        sum(h.hits) FILTER (h.is_bot) AS bot_views,
        min(h.first_at) AS first_fetched_at,
        max(h.last_at) AS last_fetched_at
    FROM (SELECT DISTINCT agency, item_id, path FROM events WHERE path IS NOT NULL) AS e
    JOIN core.site_hits AS h USING (agency, path)
    WHERE is_shown(h.status)
    GROUP BY ALL
),
answers AS (
    SELECT agency, path,
        arg_max(status, (last_at, -status)) AS last_status,
        max(last_at) AS last_answer_at,
        max(last_at) FILTER (status NOT IN (404, 410)) AS other_answer_at
    FROM core.site_hits
    GROUP BY ALL
),
dead AS (
    SELECT i.agency, i.item_id, min(h.day) AS dead_since, sum(h.hits) AS dead_hits
    FROM items AS i
    JOIN answers AS a USING (agency, path)
    JOIN core.site_hits AS h USING (agency, path)
    WHERE a.last_status IN (404, 410) AND h.status IN (404, 410) AND i.withdrawn_at IS NULL
        AND h.last_at > coalesce(i.last_published_at, '-infinity') AND h.last_at > coalesce(a.other_answer_at, '-infinity')
    GROUP BY ALL
)
SELECT i.agency, i.item_id, i.channel, i.publisher, i.disclosure, i.host, i.path, i.published_at, i.withdrawn_at,
    coalesce(s.views, 0)::BIGINT AS views, coalesce(s.bot_views, 0)::BIGINT AS bot_views, s.first_fetched_at, s.last_fetched_at,
    a.last_status, a.last_answer_at, d.dead_since, d.dead_hits::BIGINT AS dead_hits
FROM items AS i
LEFT JOIN seen AS s USING (agency, item_id)
LEFT JOIN answers AS a ON a.agency = i.agency AND a.path = i.path
LEFT JOIN dead AS d ON d.agency = i.agency AND d.item_id = i.item_id
