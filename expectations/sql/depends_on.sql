-- What a verdict depends on, as digests. Grain: one row.
SELECT
    (SELECT string_agg(concat_ws('|', agency, inputs_sha256, settings_sha256), ',' ORDER BY agency) FROM report.inputs) AS inputs,
    (SELECT string_agg(concat_ws('|', agency, year, version), ',' ORDER BY agency, year)
        FROM (SELECT agency, year, max(version) AS version FROM report.versions GROUP BY ALL)) AS versions,
    (SELECT string_agg(concat_ws('|', agency, year, version), ',' ORDER BY agency, year)
        FROM (SELECT agency, year, max(version) AS version FROM report.publications WHERE list_contains($years, year + 1) GROUP BY ALL)) AS published,
    (SELECT string_agg(concat_ws('|', source, subject, agency, files_seen > 0), ',' ORDER BY source, subject)
        FROM report.expected_sources LEFT JOIN (SELECT source, subject, arg_max(files_seen, load_id) FILTER (reason IS NULL) AS files_seen FROM raw.loads GROUP BY ALL)
        USING (source, subject)) AS seen,
    (SELECT string_agg(concat_ws('|', source, subject, reason, detail, files_waiting), ',' ORDER BY source, subject)
        FROM (FROM raw.loads QUALIFY load_id = max(load_id) OVER (PARTITION BY source, subject))
        WHERE reason IS NOT NULL OR files_waiting > 0) AS incomplete,
    (SELECT max(load_id) FROM raw.loads WHERE is_rehashed) AS rehashed, -- with every full look at the bytes, everything is judged anew
    (SELECT string_agg(f.file_id, ',' ORDER BY f.file_id)
        FROM raw.files AS f JOIN (SELECT source, subject, max(load_id) AS load_id FROM raw.loads WHERE reason IS NULL GROUP BY ALL) AS l USING (source, subject)
        WHERE f.state = 'rejected' AND f.seen_load_id = l.load_id) AS rejected,
    (SELECT string_agg(concat_ws('|', sha256, until >= $today::DATE), ',' ORDER BY sha256) FROM report.ignored) AS ignored,
    (SELECT string_agg(concat_ws('|', agency, year, cell_id, value), ',' ORDER BY agency, year, cell_id) FROM report.given_figures) AS given,
    (SELECT string_agg(concat_ws('|', agency, year, claim, part, name, value, cell_id, counts), ',' ORDER BY agency, year, claim, part) FROM report.claims) AS claims,
    (SELECT string_agg(concat_ws('|', kind, name, days), ',' ORDER BY kind, name) FROM report.site_limits) AS site_limits,
    (SELECT string_agg(concat_ws('|', agency, least(day, $today::DATE)), ',' ORDER BY agency)
        FROM (SELECT agency, max(day) AS day
            FROM (SELECT agency, acted_at::DATE AS day FROM core.publications UNION ALL SELECT agency, day FROM core.access_log_days)
            GROUP BY agency)) AS spoken_until,
    (SELECT string_agg(concat_ws('|', agency, year, inputs_sha256, settings_sha256), ',' ORDER BY agency, year) FROM report.years) AS years
