-- What was asked for by GET in some ranges of the logs. Grain: one range, path, day, status and kind of client.
-- The query is cut off before anything is compared: it may hold what a person searched for.
CREATE OR REPLACE TEMP TABLE asked AS
SELECT agency, file_id, site_path(address) AS path, day, status, is_bot,
    sum(hits)::BIGINT AS hits, min(first_at) AS first_at, max(last_at) AS last_at
FROM (
    SELECT f.agency, f.file_id, split_part(h.path, '?', 1) AS address, h.hit_at::DATE AS day, h.status, h.is_bot,
        count(*) AS hits, min(h.hit_at) AS first_at, max(h.hit_at) AS last_at
    FROM read_parquet($files, filename = true) AS h
    JOIN raw.files AS f ON f.hits_file = parse_filename(h.filename)
    WHERE h.method = 'GET'
    GROUP BY ALL
)
GROUP BY ALL
