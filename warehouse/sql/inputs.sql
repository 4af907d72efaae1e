-- What the counts of an organ depend on, as a digest. Grain: one organ.
-- Which contents are landed, how they were read, by which rules they were cleaned, and the settings: equal digests, equal counts.
SELECT f.agency,
    md5(string_agg(concat_ws('|', f.file_id, f.state, f.reader, c.fingerprint), ',' ORDER BY f.file_id)
        || (SELECT coalesce(string_agg(name || '=' || value, ',' ORDER BY name), '') FROM report.settings)) AS inputs_md5
FROM raw.files AS f
LEFT JOIN core.cleaned AS c USING (file_id)
GROUP BY f.agency
