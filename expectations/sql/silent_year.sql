-- Closed report years without a single record of a kind that the year before had. Grain: one kind of record and report year.
SELECT y.agency, y.year, b.subject, b.records::VARCHAR AS actual
FROM report.years AS y
JOIN decided AS b ON b.agency = y.agency AND b.year = y.year - 1
LEFT JOIN decided AS d ON d.agency = y.agency AND d.subject = b.subject AND d.year = y.year
WHERE list_contains($years, y.year) AND d.records IS NULL
    AND y.year < (SELECT year(max(loaded_at)) FROM raw.loads)
