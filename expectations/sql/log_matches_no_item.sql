-- Organs whose logs show none of the items that were published while they were written. Grain: one organ.
SELECT i.agency, 'access_log' AS subject, count(*)::VARCHAR AS actual, min(i.path) AS detail
FROM core.site_items AS i
JOIN (SELECT agency, min(day) AS first_day, max(day) AS last_day FROM core.access_log_days GROUP BY agency) AS l USING (agency)
SEMI JOIN report.agency_names AS n ON n.agency = i.agency AND n.name = i.publisher
ANTI JOIN (FROM core.site_items WHERE last_answer_at IS NOT NULL) AS s ON s.agency = i.agency
WHERE i.disclosure = '主动公开' AND i.path IS NOT NULL AND i.published_at::DATE BETWEEN l.first_day AND l.last_day
GROUP BY i.agency
