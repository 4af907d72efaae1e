-- Reviews and lawsuits judged for each report year. Grain: one current case and one report year.
-- 总计 counts the cases handled: decided in the year or pending at its end (条例 Art. 50 (3); source contracts 6.5).
SELECT d.agency, y.year, d.file_id, d.row_no,
    coalesce(d.closed_on > make_date(y.year, 12, 31), true) AS is_open,
    CASE
        WHEN d.accepted_on > make_date(y.year, 12, 31) THEN 'accepted_after_year'
        WHEN d.closed_on < make_date(y.year, 1, 1) THEN 'closed_before_year'
    END AS rule,
    CASE WHEN rule IS NOT NULL THEN 'out_of_scope' WHEN is_open THEN 'pending' ELSE 'counted' END AS place,
    list_filter(['handled', CASE WHEN is_open THEN 'pending' ELSE d.result_class END], lambda m: m IS NOT NULL) AS marks,
    d.dispute_group AS class,
    1::DECIMAL(28, 10) AS amount
FROM core.disputes AS d
JOIN report.years AS y USING (agency)
WHERE d.state = 'current'
