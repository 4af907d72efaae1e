-- What a verdict depends on, as digests. Grain: one row.
SELECT
    (SELECT string_agg(concat_ws('|', agency, inputs_sha256, settings_sha256), ',' ORDER BY agency) FROM report.inputs) AS inputs,
    (SELECT string_agg(concat_ws('|', agency, year, version), ',' ORDER BY agency, year)
        FROM (SELECT agency, year, max(version) AS version FROM report.versions GROUP BY ALL)) AS versions,
    (SELECT string_agg(concat_ws('|', agency, year, version), ',' ORDER BY agency, year)
        FROM (SELECT agency, year, max(version) AS version FROM report.publications WHERE list_contains($years, year + 1) GROUP BY ALL)) AS published,
    (SELECT string_agg(concat_ws('|', source, subject, agency, files_seen > 0), ',' ORDER BY source, subject)
        FROM report.expected_sources LEFT JOIN (SELECT source, subject, arg_max(files_seen, load_id) AS files_seen FROM raw.loads GROUP BY ALL)
        USING (source, subject)) AS seen,
    (SELECT max(load_id) FROM raw.loads WHERE is_rehashed) AS rehashed, -- with every full look at the bytes, everything is judged anew
    (SELECT string_agg(f.file_id, ',' ORDER BY f.file_id)
        FROM raw.files AS f JOIN (SELECT source, subject, max(load_id) AS load_id FROM raw.loads GROUP BY ALL) AS l USING (source, subject)
        WHERE f.state = 'rejected' AND f.seen_load_id = l.load_id) AS rejected,
    (SELECT string_agg(concat_ws('|', sha256, until >= $today::DATE), ',' ORDER BY sha256) FROM report.ignored) AS ignored,
    (SELECT string_agg(concat_ws('|', agency, year, cell_id, value), ',' ORDER BY agency, year, cell_id) FROM report.given_figures) AS given,
    (SELECT string_agg(concat_ws('|', agency, year, claim, part, name, value, cell_id, counts), ',' ORDER BY agency, year, claim, part) FROM report.claims) AS claims,
    (SELECT string_agg(concat_ws('|', agency, year, inputs_sha256, settings_sha256), ',' ORDER BY agency, year) FROM report.years) AS years
