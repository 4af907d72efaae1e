-- Append the pages shown, published items or not. Grain: one range, day and kind of client; also where nothing was shown, so that the
-- range is known to be counted.
INSERT INTO core.site_page_days BY NAME
SELECT agency, file_id, day, is_bot, coalesce(sum(hits) FILTER (is_shown(status) AND is_page(path)), 0)::BIGINT AS views
FROM asked
GROUP BY ALL
