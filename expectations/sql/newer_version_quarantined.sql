-- Quarantined rows that are newer than the row of their key that counts: in the warehouse, or within their own source.
-- Grain: one landed row.
WITH asked AS (
    SELECT q.agency, q.subject, q.record_key, q.file_id, q.row_no, q.reason, q.updated_at, f.source
    FROM core.quarantine AS q
    JOIN raw.files AS f USING (file_id)
    ANTI JOIN raw.withdrawn AS w ON w.file_id = q.file_id AND w.row_no = q.row_no
    WHERE q.updated_at IS NOT NULL
),
known AS (
    SELECT v.agency, v.subject, v.record_key, v.state, v.is_latest_in_source, v.updated_at, g.source
    FROM versions AS v
    SEMI JOIN asked AS a USING (agency, subject, record_key)
    JOIN raw.files AS g USING (file_id)
    WHERE v.state = 'current' OR v.is_latest_in_source
)
SELECT DISTINCT a.agency, a.subject, a.file_id, a.row_no, a.record_key, a.reason AS detail
FROM asked AS a
JOIN known AS k USING (agency, subject, record_key)
WHERE a.updated_at > k.updated_at AND (k.state = 'current' OR (k.is_latest_in_source AND k.source = a.source))
