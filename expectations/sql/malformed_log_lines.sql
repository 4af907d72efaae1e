-- Landed log ranges with malformed lines; `expected` is the number of the first. Grain: one range.
SELECT f.agency, f.subject, f.source, f.file_id, f.rejects::VARCHAR AS actual, min(r.row_no)::VARCHAR AS expected
FROM raw.files AS f
JOIN raw.access_log_rejects AS r USING (file_id)
GROUP BY ALL
