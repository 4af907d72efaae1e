-- Evidence of the 信息处理费 figures of section 六, from current applications (国办函〔2020〕109号).
-- Grain: one application in one cell. Notices by 收费通知日期, collections by 缴费日期.
SELECT a.agency, y.year, c.cell_id, 'applications' AS subject, a.file_id, a.row_no,
    CASE c.cell_id WHEN 'section6.fee_notices' THEN 1 ELSE coalesce(a.fee_yuan, 0) END::DECIMAL(28, 10) AS amount
FROM core.applications AS a
JOIN report.years AS y USING (agency)
CROSS JOIN (VALUES ('section6.fee_notices'), ('section6.fee_billed_yuan'), ('section6.fee_collected_yuan')) AS c(cell_id)
WHERE a.state = 'current' AND list_contains($years, y.year)
    AND year(CASE c.cell_id WHEN 'section6.fee_collected_yuan' THEN a.fee_paid_on ELSE a.fee_notice_on END) = y.year
