-- Rank the staged rows of the touched keys and append them to their table.
-- Grain: one readable landed row. Latest 更新时间 of a key is current, older rows are superseded; of several rows with that
-- time the first in file order (code points of the path, then row) is current, the others are duplicates (source contracts
-- 6.1). The same path landed twice: the later content stands first. `core.subject` stands for the subject's table.
INSERT INTO core.subject BY NAME
SELECT s.* REPLACE (
    CASE
        WHEN s.file_id = first_value(s.file_id) OVER versions AND s.row_no = first_value(s.row_no) OVER versions THEN 'current'
        WHEN s.updated_at IS NOT DISTINCT FROM first_value(s.updated_at) OVER versions THEN 'duplicate'
        ELSE 'superseded'
    END AS state,
    s.content_md5 <> first_value(s.content_md5) OVER same_time AS is_conflicting,
    first_value(s.file_id) OVER versions AS ref_file_id,
    first_value(s.row_no) OVER versions AS ref_row_no
)
FROM staged AS s
JOIN raw.files AS f USING (file_id)
WINDOW
    versions AS (PARTITION BY s.agency, s.record_key ORDER BY s.updated_at DESC NULLS LAST, f.path, f.file_id DESC, s.row_no),
    same_time AS (PARTITION BY s.agency, s.record_key, s.updated_at ORDER BY f.path, f.file_id DESC, s.row_no)
