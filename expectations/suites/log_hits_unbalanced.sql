-- Counted log ranges of which the days do not add up to the hits that were read. Grain: one log range.
SELECT f.agency, f.file_id
FROM raw.files AS f
SEMI JOIN core.cleaned AS c USING (file_id)
LEFT JOIN (SELECT file_id, sum(hits) AS hits FROM (FROM {batch}) AS d GROUP BY file_id) AS s USING (file_id)
WHERE f.subject = 'access_log' AND f.state = 'landed' AND f.hits IS DISTINCT FROM coalesce(s.hits, 0)
