-- Published addresses as paths, and since when each may be asked for. Grain: one path of one organ.
SELECT agency, site_path(url) AS path, min(acted_at)::DATE AS since
FROM core.publications
WHERE state = 'current' AND site_path(url) IS NOT NULL
GROUP BY ALL
