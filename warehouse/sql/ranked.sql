-- Rank the staged rows of the touched keys and append them to their table.
-- Grain: one readable landed row. Latest 更新时间 of a key is current, older rows are superseded; of several rows with that
-- time the first in file order (code points of the path, then source and row) is current, the others are duplicates (source contracts
-- 6.1). The path is the first under which the bytes lie now, or else lay, so that the order of nights decides nothing. The same path of
-- a source landed twice: the later content stands first. What is pulled lies under the name of its stream, the later pull first, a pull in
-- its own order; of equal versions a row that the source shows no more comes last. The same is asked within each source alone, because
-- whoever keeps a source must mend its contradictions, also those that another source has settled. `core.subject` is the subject's table.
INSERT INTO core.subject BY NAME
SELECT s.* REPLACE (
    CASE
        WHEN row_number() OVER versions = 1 THEN 'current'
        WHEN s.updated_at IS NOT DISTINCT FROM first_value(s.updated_at) OVER versions THEN 'duplicate'
        ELSE 'superseded'
    END AS state,
    s.updated_at IS NOT DISTINCT FROM first_value(s.updated_at) OVER versions
        AND s.content_md5 <> first_value(s.content_md5) OVER versions AS is_conflicting,
    s.updated_at IS NOT DISTINCT FROM first_value(s.updated_at) OVER in_source
        AND s.content_md5 <> first_value(s.content_md5) OVER in_source AS conflicts_in_source,
    row_number() OVER in_source = 1 AS is_latest_in_source,
    first_value(s.file_id) OVER versions AS ref_file_id,
    first_value(s.row_no) OVER versions AS ref_row_no
)
FROM staged AS s
JOIN (
    SELECT f.file_id, f.source, coalesce(f.pull, f.file_id) AS pull,
        coalesce(f.stream, min(g.path) FILTER (g.seen_load_id = l.load_id), min(g.path)) AS path
    FROM raw.files AS f
    JOIN raw.files AS g ON g.agency = f.agency AND g.subject = f.subject AND g.sha256 = f.sha256 AND g.state IN ('landed', 'same_bytes')
    JOIN (SELECT source, subject, max(load_id) AS load_id FROM raw.loads WHERE reason IS NULL GROUP BY ALL) AS l
        ON l.source = g.source AND l.subject = g.subject
    WHERE f.state = 'landed'
    GROUP BY f.file_id, f.source, f.pull, f.stream
) AS f USING (file_id)
LEFT JOIN raw.withdrawn AS w ON w.file_id = s.file_id AND w.row_no = s.row_no
WINDOW
    versions AS (PARTITION BY s.agency, s.record_key ORDER BY s.updated_at DESC NULLS LAST, w.file_id IS NOT NULL, f.path, f.source,
        f.pull DESC, f.file_id, s.row_no),
    in_source AS (PARTITION BY s.agency, f.source, s.record_key ORDER BY s.updated_at DESC NULLS LAST, w.file_id IS NOT NULL, f.path,
        f.pull DESC, f.file_id, s.row_no)
