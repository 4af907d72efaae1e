-- Records that count by a row which their source shows no more. Grain: one landed row.
SELECT v.agency, v.subject, v.file_id, v.row_no, v.record_key, w.source AS detail, strftime(l.began_at, '%Y-%m-%d %H:%M') AS expected
FROM versions AS v
JOIN raw.withdrawn AS w USING (file_id, row_no)
JOIN raw.loads AS l USING (load_id)
WHERE v.state = 'current'
