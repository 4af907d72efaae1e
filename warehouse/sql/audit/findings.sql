-- Findings, the gravest first. Grain: one finding.
SELECT *
FROM report.findings
WHERE ($year IS NULL OR year IS NULL OR year = $year) AND ($agency IS NULL OR agency = $agency)
    AND ($severity IS NULL OR severity = $severity) AND ($rule IS NULL OR rule = $rule)
ORDER BY list_position(['critical', 'warning', 'info'], severity), rule, agency, year, path, row_no, cell_id, finding_id
