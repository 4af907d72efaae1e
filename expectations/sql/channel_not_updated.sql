-- Channels of the organ whose last publication or update is older than their limit. Grain: one channel.
-- Judged on the last day of which the site's own records speak, publications or logs: what was not handed over is not the channel's fault.
WITH events AS (
    SELECT agency, coalesce(channel, '（未填栏目）') AS channel, acted_at::DATE AS day, publisher, action
    FROM core.publications
    WHERE state = 'current' AND acted_at::DATE <= (SELECT day FROM today)
),
spoken AS (
    SELECT agency, least(max(day), (SELECT day FROM today)) AS day
    FROM (SELECT agency, day FROM events UNION ALL SELECT agency, day FROM core.access_log_days)
    GROUP BY agency
),
channels AS (
    SELECT e.agency, e.channel, max(e.day) FILTER (e.action <> '撤下') AS last_day
    FROM events AS e
    LEFT JOIN report.agency_names AS n ON n.agency = e.agency AND n.name = e.publisher
    GROUP BY ALL
    HAVING count(n.name) > 0
),
limited AS (
    SELECT c.agency, c.channel, c.last_day, coalesce(
        min(l.days) FILTER (l.kind = 'channel' AND l.name = c.channel),
        min(l.days) FILTER (l.kind = 'word' AND contains(c.channel, l.name)),
        min(l.days) FILTER (l.kind = 'other')
    ) AS days
    FROM channels AS c
    CROSS JOIN report.site_limits AS l
    GROUP BY ALL
)
SELECT agency, 'publications' AS subject, channel AS detail, last_day::VARCHAR AS actual, days::VARCHAR AS expected
FROM limited
JOIN spoken USING (agency)
WHERE days > 0 AND last_day < spoken.day - days::INT
