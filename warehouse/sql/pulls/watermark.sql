-- From which update time of the source on changes must be asked for, and when everything was last told. Grain: one row.
-- The earlier of two: the latest update time that has been landed, and the clock (the source's or ours, the earlier) at the last whole pull.
-- A record dated in the future can then not hide what changes after it, and a clock that is ahead of the records' cannot either. Both
-- are those of the present question: after another table, path or address was configured, everything is asked for.
WITH landed AS (
    SELECT c.updated_at FROM core.subject AS c JOIN raw.files AS f USING (file_id) WHERE f.source = $source AND f.stream = $stream
    UNION ALL
    SELECT q.updated_at
    FROM core.quarantine AS q
    JOIN raw.files AS f USING (file_id)
    WHERE q.subject = $subject AND f.source = $source AND f.stream = $stream
)
SELECT
    -- `least` passes over nulls: without a landed time everything is asked for.
    (SELECT CASE WHEN count(updated_at) > 0 THEN least(max(updated_at), l.clock) END FROM landed) AS latest,
    l.full_at
FROM (
    SELECT arg_max(least(coalesce(source_at, began_at), began_at), load_id) AS clock, max(began_at) FILTER (is_full) AS full_at
    FROM raw.loads
    WHERE source = $source AND subject = $subject AND question = $question AND reason IS NULL
) AS l
WHERE NOT EXISTS (
    -- Kept pulls that are about to be read again, or could not be: what they would bring is not known.
    FROM raw.files WHERE source = $source AND subject = $subject AND stream IS NOT NULL AND (reader <> $reader OR state = 'rejected')
)
