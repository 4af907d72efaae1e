-- Rows that say they were changed after their file was landed; a day is left for clocks that differ. Grain: one version of a record.
SELECT c.agency, c.file_id, c.row_no
FROM (FROM {batch}) AS c
JOIN raw.files AS f USING (file_id)
WHERE c.updated_at > f.landed_at + INTERVAL 1 DAY
