-- The rows that a source showed when it was last asked, as far as the present pull concerns them, however they came. Grain: one landed row.
-- A full pull concerns every row; of an incremental one nothing follows for records it does not name. A row that lacks a part of its key
-- names no record: it is told by its content.
CREATE OR REPLACE TEMP TABLE standing AS
SELECT r.file_id, r.row_no, row_key AS key, row_digest AS digest, row_number() OVER (PARTITION BY row_digest ORDER BY r.file_id, r.row_no) AS nth
FROM raw.subject AS r
JOIN raw.files AS f ON f.file_id = r.file_id
ANTI JOIN raw.withdrawn AS w ON w.file_id = r.file_id AND w.row_no = r.row_no
WHERE f.source = $source AND f.subject = $subject
    AND ($is_full OR row_key IN (SELECT key FROM offered) OR (row_key IS NULL AND row_digest IN (SELECT digest FROM offered)))
