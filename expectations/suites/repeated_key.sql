-- Rows that stand more than once at one place of one file. Grain: one stored row.
SELECT agency, file_id, row_no
FROM (FROM {batch}) AS t
WHERE (file_id, row_no) IN (SELECT (file_id, row_no) FROM (FROM {batch}) AS u GROUP BY file_id, row_no HAVING count(*) > 1)
