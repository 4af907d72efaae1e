-- What a pull offers, row by row. Grain: one row of the pull. `row_key` and `row_digest` stand for the subject's key and all its columns.
-- `nth` tells apart rows that are equal letter for letter: two such rows of a pull are two rows.
CREATE OR REPLACE TEMP TABLE offered AS
SELECT file_id, row_no, row_key AS key, row_digest AS digest, row_number() OVER (PARTITION BY row_digest ORDER BY file_id, row_no) AS nth
FROM arrived
