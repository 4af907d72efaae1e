-- Rows of table 2 whose 现行有效 does not follow from that of the year before. Grain: one kind of document of one report.
-- valid = valid before + made - repealed - ended otherwise + moved. A document that ended otherwise (失效, term over) has no cell: it is
-- one that is neither repealed nor valid although it was made in the year or ended in it. `moved` is not zero only where the settings
-- let a document count as made in another year than that of its date: amended ones, ones dated in one year and issued in the next.
WITH judged AS (
    SELECT j.agency, j.year, j.class, d.record_key,
        (list_contains(j.marks, 'made') OR j.rule = 'expired_in_year') AND NOT list_contains(j.marks, 'repealed')
            AND NOT list_contains(j.marks, 'valid') AS is_expired,
        (year(d.dated_on) = j.year)::INT - list_contains(j.marks, 'made')::INT AS moved
    FROM report.judged_normative_documents AS j
    JOIN core.normative_documents AS d USING (file_id, row_no)
    WHERE list_contains($years, j.year) AND (j.place = 'counted' OR j.rule = 'expired_in_year')
),
other AS (
    SELECT agency, year, class AS row_key, count(*) FILTER (is_expired) AS expired, sum(moved)::BIGINT AS moved,
        array_to_string(list_slice(list(record_key ORDER BY record_key) FILTER (is_expired), 1, 20), '、') AS records
    FROM judged
    GROUP BY ALL
),
counted AS (
    SELECT c.agency, c.year, f.row_key, any_value(c.value) FILTER (f.col_key = 'made') AS made,
        any_value(c.value) FILTER (f.col_key = 'repealed') AS repealed, any_value(c.value) FILTER (f.col_key = 'valid') AS valid
    FROM figures AS c
    JOIN layout AS f USING (format, cell_id)
    WHERE f.grid = 'table2' AND f.row_key IN ('regulations', 'normative_documents')
    GROUP BY ALL
)
SELECT c.agency, c.year, 'normative_documents' AS subject, p.cell_id, o.records,
    p.value + c.made - c.repealed - coalesce(o.expired, 0) + coalesce(o.moved, 0) AS want,
    want::BIGINT::VARCHAR AS expected, c.valid::BIGINT::VARCHAR AS actual,
    '上年现行有效 ' || p.value::BIGINT || '，本年制发 ' || c.made::BIGINT || '，废止 ' || c.repealed::BIGINT
        || '，失效或有效期届满 ' || coalesce(o.expired, 0)
        || CASE WHEN coalesce(o.moved, 0) <> 0 THEN '，成文年度与制发年度不同的调整 ' || o.moved ELSE '' END AS detail
FROM counted AS c
JOIN previous AS p ON p.agency = c.agency AND p.year = c.year AND p.cell_id = 'table2.' || c.row_key || '.valid'
LEFT JOIN other AS o ON o.agency = c.agency AND o.year = c.year AND o.row_key = c.row_key
WHERE want <> c.valid
