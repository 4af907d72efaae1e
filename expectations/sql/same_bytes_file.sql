-- Record files whose bytes were landed under another name, as they lie at the source now. Grain: one path of one source.
SELECT f.agency, f.subject, f.source, f.file_id, f.detail
FROM (SELECT *, max(file_id) OVER (PARTITION BY source, subject, path) AS last_file_id FROM raw.files) AS f
WHERE f.state = 'same_bytes' AND f.subject <> 'access_log' AND f.file_id = f.last_file_id
    AND NOT EXISTS (
        FROM raw.files AS g
        WHERE g.source = f.source AND g.subject = f.subject AND g.path = f.path AND g.sha256 = f.sha256 AND g.state = 'landed'
    )
