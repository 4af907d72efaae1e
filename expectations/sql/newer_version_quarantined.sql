-- Quarantined rows that are newer than the row of their key that counts: in the warehouse, or within their own source.
-- Grain: one landed row.
SELECT q.agency, q.subject, q.file_id, q.row_no, q.record_key, q.reason AS detail
FROM core.quarantine AS q
JOIN raw.files AS f USING (file_id)
JOIN (
    SELECT v.agency, v.subject, v.record_key, g.source, max(v.updated_at) AS in_source, any_value(v.latest) AS latest
    FROM versions AS v
    JOIN raw.files AS g USING (file_id)
    GROUP BY ALL
) AS k ON k.agency = q.agency AND k.subject = q.subject AND k.record_key = q.record_key
WHERE q.updated_at IS NOT NULL AND (q.updated_at > k.latest OR (k.source = f.source AND q.updated_at > k.in_source))
GROUP BY ALL
