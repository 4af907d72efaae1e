-- Append the pages shown, published items or not. Grain: one range, day and kind of client; also where nothing was shown or asked for,
-- so that the range is known to be counted.
INSERT INTO core.site_page_days BY NAME
SELECT d.agency, d.file_id, d.day, d.is_bot, coalesce(sum(a.hits) FILTER (is_shown(a.status) AND is_page(a.path)), 0)::BIGINT AS views
FROM (SELECT DISTINCT agency, file_id, day, is_bot FROM core.access_log_days WHERE file_id = $file_id) AS d
LEFT JOIN asked AS a USING (file_id, day, is_bot)
GROUP BY ALL
