-- Rows of records that have no current version, or several. Grain: one version of such a record.
SELECT c.agency, c.file_id, c.row_no
FROM (FROM {batch}) AS c
SEMI JOIN (
    SELECT agency, record_key FROM (FROM {batch}) AS d GROUP BY agency, record_key HAVING count(*) FILTER (state = 'current') <> 1
) AS w USING (agency, record_key)
