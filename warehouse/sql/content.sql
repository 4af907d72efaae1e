-- What is landed of a subject, as a digest: the data version of its raw asset. Grain: one row.
SELECT sha256(coalesce(string_agg(concat_ws('|', source, path, sha256, byte_from, state, reader), ',' ORDER BY source, path, sha256, byte_from, file_id), ''))[:16]
    AS content
FROM raw.files
WHERE subject = $subject AND state <> 'unchanged'
