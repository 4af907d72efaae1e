-- Let the landed rows of these bytes be cleaned and ranked again: no rules in force have the empty fingerprint.
UPDATE core.cleaned SET fingerprint = ''
WHERE file_id IN (
    SELECT file_id FROM raw.files WHERE agency = $agency AND subject = $subject AND sha256 = $sha256 AND state = 'landed'
)
