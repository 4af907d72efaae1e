-- Rows that the source shows no more: of a full pull all it does not name, of an incremental one the earlier rows of a record that changed.
-- Grain: one landed row.
CREATE OR REPLACE TEMP TABLE gone AS
SELECT file_id, row_no, key
FROM standing
ANTI JOIN offered USING (digest, nth)
WHERE $is_full OR key IN (SELECT key FROM fresh)
