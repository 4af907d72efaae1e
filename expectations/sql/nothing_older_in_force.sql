-- Kinds of documents of which as many are in force as were made in the year, and none was repealed: as if none were older.
-- Grain: one kind of document of one report. Nothing is asked where the report of the year before had none in force either.
-- `older` is what the register says: how many of those in force were not made in the year.
WITH older AS (
    SELECT v.agency, v.year, v.cell_id, count(*) AS older
    FROM report.evidence AS v
    WHERE list_contains($years, v.year) AND v.cell_id IN ('table2.regulations.valid', 'table2.normative_documents.valid')
        AND (v.agency, v.year, replace(v.cell_id, '.valid', '.made'), v.file_id, v.row_no)
            NOT IN (SELECT (agency, year, cell_id, file_id, row_no) FROM report.evidence WHERE list_contains($years, year))
    GROUP BY ALL
)
SELECT c.agency, c.year, 'normative_documents' AS subject, 'table2.' || f.row_key || '.valid' AS cell_id,
    any_value(c.value) FILTER (f.col_key = 'made') AS made, any_value(c.value) FILTER (f.col_key = 'valid') AS valid,
    valid::BIGINT::VARCHAR AS actual, coalesce('有 ' || any_value(o.older) || ' 件是以前制发的', '没有以前制发的') AS detail
FROM figures AS c
JOIN layout AS f USING (format, cell_id)
LEFT JOIN previous AS p ON p.agency = c.agency AND p.year = c.year AND p.cell_id = 'table2.' || f.row_key || '.valid'
LEFT JOIN older AS o ON o.agency = c.agency AND o.year = c.year AND o.cell_id = 'table2.' || f.row_key || '.valid'
WHERE f.grid = 'table2' AND f.row_key IN ('regulations', 'normative_documents')
GROUP BY c.agency, c.year, f.row_key
HAVING made > 0 AND made = valid AND any_value(c.value) FILTER (f.col_key = 'repealed') = 0 AND coalesce(any_value(p.value), 1) > 0
