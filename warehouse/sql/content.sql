-- What is landed of a subject, and what its sources show no more, as a digest: the data version of its raw asset. Grain: one row.
SELECT sha256(concat_ws('#',
    (SELECT string_agg(concat_ws('|', source, path, sha256, byte_from, state, reader), ',' ORDER BY source, path, sha256, byte_from, file_id)
        FROM raw.files WHERE subject = $subject AND state <> 'unchanged'),
    (SELECT sum(md5_number_lower(concat_ws('|', w.source, f.sha256, w.row_no))) FROM raw.withdrawn AS w JOIN raw.files AS f USING (file_id)
        WHERE w.subject = $subject)
))[:16] AS content
