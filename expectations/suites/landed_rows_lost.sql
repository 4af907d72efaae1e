-- Landed files of which not as many rows are stored as the reader counted, and stored rows of no landed file. Grain: one file, or one row.
-- A row that stands twice is another rule's matter (repeated_key), so different rows are counted.
SELECT f.agency, f.file_id, NULL::BIGINT AS row_no
FROM raw.files AS f
LEFT JOIN (SELECT file_id, count(DISTINCT row_no) AS stored FROM (FROM {batch}) AS t GROUP BY file_id) AS s USING (file_id)
WHERE f.subject = 'subject' AND f.state = 'landed' AND f.rows_read IS DISTINCT FROM coalesce(s.stored, 0)
UNION ALL
SELECT t.agency, t.file_id, t.row_no
FROM (FROM {batch}) AS t
ANTI JOIN (SELECT file_id FROM raw.files WHERE subject = 'subject' AND state = 'landed') AS f USING (file_id)
WHERE t.file_id IS NOT NULL
