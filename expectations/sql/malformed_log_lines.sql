-- Logs with malformed lines in what was landed of them; `expected` is the number of the first. Grain: one path of one source.
SELECT f.agency, f.subject, f.source, max(f.file_id) AS file_id, count(*)::VARCHAR AS actual,
    arg_min(r.row_no, (f.file_id, r.row_no))::VARCHAR AS expected
FROM raw.files AS f
JOIN raw.access_log_rejects AS r USING (file_id)
GROUP BY f.agency, f.subject, f.source, f.path
