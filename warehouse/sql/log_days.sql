-- Count the hits of one landed log range by day and append them. Grain: one day (Asia/Shanghai), status and kind of client.
INSERT INTO core.access_log_days BY NAME
SELECT $agency AS agency, $file_id AS file_id, hit_at::DATE AS day, status, is_bot, count(*) AS hits
FROM read_parquet($hits)
GROUP BY ALL
