-- Rows that are new or have changed. Grain: one row of the pull.
CREATE OR REPLACE TEMP TABLE fresh AS
SELECT file_id, row_no, key FROM offered ANTI JOIN standing USING (digest, nth)
