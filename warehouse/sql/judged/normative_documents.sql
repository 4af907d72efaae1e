-- The register of documents judged for each report year. Grain: one current document and one report year.
-- 废止 has a cell, 失效 has none (setting lapsed_counts_as_repealed, default false); both end validity. 已修改 stays valid.
-- 有效期至 passed before 31 December while the status still says 有效: ended on that day (source contracts 6.3).
SELECT agency, year, file_id, row_no,
    list_filter([
        CASE WHEN year(made_on) = year OR (amended AND year(status_changed_on) = year) THEN 'made' END,
        CASE WHEN repealing AND year(ended_on) = year THEN 'repealed' END,
        CASE WHEN NOT is_ended OR year(ended_on) > year THEN 'valid' END
    ], lambda m: m IS NOT NULL) AS marks,
    CASE
        WHEN NOT is_own THEN 'other_issuer'
        WHEN kind_code IS NULL THEN 'not_normative'
        WHEN dated_on > make_date(year, 12, 31) THEN 'after_year'
        WHEN len(marks) > 0 THEN NULL
        WHEN year(ended_on) = year THEN 'expired_in_year'
        ELSE 'ended_before_year'
    END AS rule,
    CASE WHEN rule IS NOT NULL THEN 'out_of_scope' ELSE 'counted' END AS place,
    kind_code AS class,
    1::DECIMAL(28, 10) AS amount
FROM (
    SELECT d.agency, y.year, d.file_id, d.row_no, d.kind_code, d.dated_on, d.status_changed_on,
        n.name IS NOT NULL AS is_own,
        CASE WHEN s.made_by = 'issued_on' THEN d.issued_on ELSE d.dated_on END AS made_on,
        d.status = '已修改' AND s.amended AS amended,
        d.status = '废止' OR (d.status = '失效' AND s.lapsed) AS repealing,
        d.status = '有效' AND coalesce(d.expires_on < make_date(y.year, 12, 31), false) AS is_overdue,
        d.status IN ('废止', '失效') OR is_overdue AS is_ended,
        CASE
            WHEN d.status IN ('废止', '失效') THEN coalesce(d.status_changed_on, d.expires_on)
            WHEN is_overdue THEN d.expires_on
        END AS ended_on
    FROM core.normative_documents AS d
    JOIN report.years AS y USING (agency)
    LEFT JOIN report.agency_names AS n ON n.agency = d.agency AND n.name = d.issuer
    CROSS JOIN (
        SELECT any_value(value) FILTER (name = 'documents_made_by') AS made_by,
            coalesce(any_value(value) FILTER (name = 'lapsed_counts_as_repealed') = 'true', false) AS lapsed,
            coalesce(any_value(value) FILTER (name = 'amended_counts_as_made') = 'true', false) AS amended
        FROM report.settings
    ) AS s
    WHERE d.state = 'current'
)
