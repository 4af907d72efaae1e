-- Rows that the source shows no more: all that a full pull does not name. Grain: one landed row.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT file_id, row_no, key
FROM standing
ANTI JOIN offered USING (digest, nth)
