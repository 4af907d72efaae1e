-- Landed rows that are neither record nor quarantined, or both, and records or quarantined rows that never landed. Grain: one landed row.
-- Only of files that were cleaned since they were last read: raw is filled before core.
WITH due AS (SELECT file_id FROM core.cleaned WHERE fingerprint = ''),
landed AS (
    SELECT DISTINCT t.agency, t.file_id, t.row_no
    FROM raw.subject AS t
    SEMI JOIN (SELECT file_id FROM core.cleaned WHERE fingerprint <> '') AS c USING (file_id)
),
placed AS (
    SELECT p.file_id, p.row_no, any_value(p.agency) AS agency, count(DISTINCT p.place) AS places
    FROM (
        SELECT agency, file_id, row_no, 'record' AS place FROM (FROM {batch}) AS r
        UNION ALL
        SELECT agency, file_id, row_no, 'quarantined' AS place FROM core.quarantine WHERE subject = 'subject'
    ) AS p
    ANTI JOIN due USING (file_id)
    WHERE p.file_id IS NOT NULL AND p.row_no IS NOT NULL
    GROUP BY p.file_id, p.row_no
)
SELECT coalesce(l.agency, p.agency) AS agency, file_id, row_no
FROM landed AS l
FULL JOIN placed AS p USING (file_id, row_no)
WHERE l.file_id IS NULL OR p.places IS DISTINCT FROM 1
