-- Days without a single line between the first and the last day of an organ's logs. Grain: one run of such days, the 20 latest.
SELECT agency, 'access_log' AS subject, (upto - day - 1)::VARCHAR AS actual,
    concat_ws(' 至 ', (day + 1)::VARCHAR, CASE WHEN upto - day > 2 THEN (upto - 1)::VARCHAR END) AS detail
FROM (
    SELECT agency, day, lead(day) OVER (PARTITION BY agency ORDER BY day) AS upto
    FROM (SELECT DISTINCT agency, day FROM core.access_log_days)
)
WHERE upto - day > 1
QUALIFY row_number() OVER (PARTITION BY agency ORDER BY day DESC) <= 20
