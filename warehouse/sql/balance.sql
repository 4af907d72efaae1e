-- Files whose rows do not balance. Grain: one landed file of one subject; no row means balance.
-- Three independent counts: the reader's own, the landed rows, the places. `raw.subject` stands for the subject's table.
WITH landed AS (SELECT file_id, count(*) AS rows FROM raw.subject GROUP BY file_id),
placed AS (
    SELECT l.file_id, count(*) AS places, count(DISTINCT l.row_no) AS rows, count(r.row_no) AS landed
    FROM core.ledger AS l
    LEFT JOIN raw.subject AS r ON r.file_id = l.file_id AND r.row_no = l.row_no
    WHERE l.subject = $subject
    GROUP BY l.file_id
)
SELECT f.path, f.rows_read, coalesce(n.rows, 0), coalesce(p.places, 0), coalesce(p.rows, 0)
FROM raw.files AS f
LEFT JOIN landed AS n USING (file_id)
LEFT JOIN placed AS p USING (file_id)
WHERE f.subject = $subject AND CASE f.state
    WHEN 'landed' THEN NOT coalesce(f.rows_read = coalesce(n.rows, 0) AND f.rows_read = coalesce(p.places, 0)
        AND f.rows_read = coalesce(p.rows, 0) AND f.rows_read = coalesce(p.landed, 0), false)
    ELSE n.rows IS NOT NULL OR p.places IS NOT NULL
END
ORDER BY f.path
