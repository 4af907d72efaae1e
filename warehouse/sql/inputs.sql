-- What the counts of an organ depend on, as digests. Grain: one organ.
-- Which contents are landed, how they were read and by which rules they were cleaned; settings, names and expected sources. Equal digests
-- and equal code give equal counts. Contents are told by their digest: numbers of files differ between warehouses. A part of a pull that
-- brought nothing new changes nothing; rows that a source shows no more may change which of two equal versions is current.
SELECT y.agency,
    sha256(concat_ws('#', coalesce(f.files, ''), w.rows)) AS inputs_sha256,
    sha256(concat_ws('#', (SELECT string_agg(name || '=' || value, ',' ORDER BY name) FROM report.settings), n.names, s.sources)) AS settings_sha256
FROM (SELECT DISTINCT agency FROM report.years) AS y
LEFT JOIN (
    SELECT f.agency, string_agg(concat_ws('|', f.source, f.path, f.sha256, f.byte_from, f.state, f.reader, c.fingerprint), ','
        ORDER BY f.source, f.subject, f.path, f.sha256, f.byte_from, f.file_id) AS files
    FROM raw.files AS f
    LEFT JOIN core.cleaned AS c USING (file_id)
    WHERE f.state <> 'unchanged'
    GROUP BY f.agency
) AS f USING (agency)
LEFT JOIN (
    SELECT w.agency, sum(md5_number_lower(concat_ws('|', f.source, f.sha256, w.row_no)))::VARCHAR AS rows
    FROM raw.withdrawn AS w
    JOIN raw.files AS f USING (file_id)
    GROUP BY w.agency
) AS w USING (agency)
LEFT JOIN (SELECT agency, string_agg(name, ',' ORDER BY name) AS names FROM report.agency_names GROUP BY agency) AS n USING (agency)
LEFT JOIN (SELECT agency, string_agg(source || '/' || subject, ',' ORDER BY source, subject) AS sources FROM report.expected_sources GROUP BY agency) AS s
    USING (agency)
