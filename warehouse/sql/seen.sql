-- Note which paths of a source a load saw: the content recorded last under each of them lies there now.
UPDATE raw.files SET seen_load_id = $load
WHERE source = $source AND subject = $subject AND list_contains($paths, path) AND file_id IN (
    SELECT max(file_id) FROM raw.files WHERE source = $source AND subject = $subject GROUP BY path
)
