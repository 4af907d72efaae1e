-- Quarantined rows, with reason and field. Grain: one landed row.
-- A row that a later run has mended is no finding any more: a newer version of its key, landed by another run, counts; or its source
-- shows it no more, and another row of its key counts.
SELECT q.agency, q.subject, q.file_id, q.row_no, q.record_key, q.field, q.value AS actual, q.reason AS detail
FROM core.quarantine AS q
JOIN lying USING (file_id)
JOIN raw.files AS f USING (file_id)
JOIN raw.loads AS l USING (load_id)
WHERE NOT EXISTS (
    FROM versions AS v
    JOIN raw.files AS g USING (file_id)
    JOIN raw.loads AS m USING (load_id)
    WHERE v.agency = q.agency AND v.subject = q.subject AND v.record_key = q.record_key AND v.state = 'current'
        AND v.updated_at > q.updated_at AND m.load_id > l.load_id AND m.run_id <> l.run_id
)
AND NOT EXISTS (
    FROM raw.withdrawn AS w
    JOIN versions AS v ON v.agency = q.agency AND v.subject = q.subject AND v.record_key = q.record_key AND v.state = 'current'
    WHERE w.file_id = q.file_id AND w.row_no = q.row_no
)
