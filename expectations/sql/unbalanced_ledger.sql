-- Kinds of data of which read, landed and placed rows are not the same number. Grain: one kind of data of one organ.
-- Three independent counts: the reader's own, the rows of `raw`, the places of the ledger; of a log its lines, and what became of them.
WITH read AS (
    SELECT agency, subject, sum(rows_read)::BIGINT AS rows FROM raw.files WHERE state = 'landed' AND subject <> 'access_log' GROUP BY ALL
),
landed AS (
    SELECT agency, 'applications' AS subject, count(*) AS rows FROM raw.applications GROUP BY agency
    UNION ALL
    SELECT agency, 'disputes' AS subject, count(*) AS rows FROM raw.disputes GROUP BY agency
    UNION ALL
    SELECT agency, 'penalties' AS subject, count(*) AS rows FROM raw.penalties GROUP BY agency
    UNION ALL
    SELECT agency, 'permits' AS subject, count(*) AS rows FROM raw.permits GROUP BY agency
    UNION ALL
    SELECT agency, 'coercions' AS subject, count(*) AS rows FROM raw.coercions GROUP BY agency
    UNION ALL
    SELECT agency, 'inspections' AS subject, count(*) AS rows FROM raw.inspections GROUP BY agency
    UNION ALL
    SELECT agency, 'publications' AS subject, count(*) AS rows FROM raw.publications GROUP BY agency
    UNION ALL
    SELECT agency, 'normative_documents' AS subject, count(*) AS rows FROM raw.normative_documents GROUP BY agency
    UNION ALL
    SELECT agency, 'fees' AS subject, count(*) AS rows FROM raw.fees GROUP BY agency
),
placed AS (SELECT agency, subject, count(*) AS rows FROM core.ledger GROUP BY ALL),
compared AS (
    SELECT agency, subject, coalesce(r.rows, 0) AS was_read, coalesce(l.rows, 0) AS has_landed, coalesce(p.rows, 0) AS has_place
    FROM read AS r
    FULL JOIN landed AS l USING (agency, subject)
    FULL JOIN placed AS p USING (agency, subject)
    UNION ALL
    SELECT f.agency, f.subject, sum(f.lines)::BIGINT, sum(f.hits + f.rejects + f.blanks)::BIGINT,
        (sum(coalesce(d.hits, 0)) + sum(coalesce(r.rejects, 0)) + sum(f.blanks))::BIGINT
    FROM raw.files AS f
    LEFT JOIN (SELECT file_id, sum(hits) AS hits FROM core.access_log_days GROUP BY file_id) AS d USING (file_id)
    LEFT JOIN (SELECT file_id, count(*) AS rejects FROM raw.access_log_rejects GROUP BY file_id) AS r USING (file_id)
    WHERE f.state = 'landed' AND f.subject = 'access_log'
    GROUP BY ALL
)
SELECT agency, subject, was_read::VARCHAR AS expected,
    CASE WHEN has_place <> was_read THEN has_place ELSE has_landed END::VARCHAR AS actual,
    '读取 ' || was_read || ' 行，落地 ' || has_landed || ' 行，有去处 ' || has_place || ' 行' AS detail
FROM compared
WHERE has_landed <> was_read OR has_place <> was_read
