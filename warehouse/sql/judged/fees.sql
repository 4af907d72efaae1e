-- Fee receipts judged for each report year. Grain: one current receipt and one report year.
-- 元 become 万元 here and only here, with full precision; a refund (negative) counts (source contracts 4).
SELECT f.agency, y.year, f.file_id, f.row_no,
    CASE
        WHEN f.organ_code IS DISTINCT FROM f.agency THEN 'other_agency'
        WHEN year(f.collected_on) <> y.year THEN 'other_year'
        WHEN s.excluded AND contains(f.item, '信息处理费') THEN 'processing_fee_not_counted'
    END AS rule,
    CASE WHEN rule IS NOT NULL THEN 'out_of_scope' ELSE 'counted' END AS place,
    ['collected'] AS marks,
    NULL::VARCHAR AS class,
    (f.amount_yuan * 0.0001)::DECIMAL(28, 10) AS amount
FROM core.fees AS f
JOIN report.years AS y USING (agency)
CROSS JOIN (SELECT any_value(value) = 'false' AS excluded FROM report.settings WHERE name = 'processing_fee_in_fees') AS s
WHERE f.state = 'current'
