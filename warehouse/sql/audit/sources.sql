-- Every configured source: how it is reached, when it was last looked at, when it was last whole. Grain: one subject of one source.
-- `$names` and `$hours` say after how many hours a source is too old; an old one is told even if its last look was whole.
SELECT source, subject, kind, looked_at, completed_at, full_at, changed_at,
    CASE
        WHEN looked_at IS NULL THEN '还没有取过'
        WHEN reason IS NOT NULL THEN '没有取全（' || reason || '）：' || detail
        WHEN completed_at < $now::TIMESTAMP - to_hours($hours[list_position($names, source)]) THEN '已过期'
        ELSE '取全'
    END || CASE WHEN files_waiting > 0 THEN '；' || files_waiting || ' 个文件还没有传完' ELSE '' END AS state
FROM report.freshness
ORDER BY source, subject
