-- Applications judged for each report year: where the current row of an application belongs, and which marks of table 3 it has.
-- Grain: one current application and one report year. Source contracts 6.3 and 6.5; 条例 Art. 31 (receipt date), 50.
SELECT a.agency, y.year, a.file_id, a.row_no,
    coalesce(a.replied_on > make_date(y.year, 12, 31), true) AS is_open,
    CASE
        WHEN a.received_on > make_date(y.year, 12, 31) THEN 'received_after_year'
        WHEN a.replied_on < make_date(y.year, 1, 1) THEN 'closed_before_year'
    END AS rule,
    CASE WHEN rule IS NOT NULL THEN 'out_of_scope' WHEN is_open THEN 'pending' ELSE 'counted' END AS place,
    -- a row of table 3 each: when it came, how it ended; the total has its own mark and is no sum of leaves
    list_filter([
        CASE WHEN a.received_on >= make_date(y.year, 1, 1) THEN 'new_received' ELSE 'carried_in' END,
        CASE WHEN is_open THEN 'carried_out' ELSE 'total_handled' END,
        CASE WHEN NOT is_open THEN a.outcome_leaf END
    ], lambda m: m IS NOT NULL) AS marks,
    a.applicant_class AS class,
    1::DECIMAL(28, 10) AS amount
FROM core.applications AS a
JOIN report.years AS y USING (agency)
WHERE a.state = 'current'
