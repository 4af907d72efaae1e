-- Rows that are duplicates of another row of their key and differ from it, in the warehouse or within their own source.
-- Grain: one landed row.
SELECT agency, subject, file_id, row_no, record_key
FROM versions
SEMI JOIN lying USING (file_id)
ANTI JOIN raw.withdrawn USING (file_id, row_no)
WHERE is_conflicting OR conflicts_in_source
