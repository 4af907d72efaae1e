-- Append what was asked for of published addresses, from the day on which each was first published.
-- Grain: one range, published path, day, status and kind of client.
INSERT INTO core.site_hits BY NAME
SELECT a.*
FROM asked AS a
JOIN sought AS s ON s.agency = a.agency AND s.path = a.path AND a.day >= s.since
