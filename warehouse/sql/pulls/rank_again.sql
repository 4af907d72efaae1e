-- A record of which a row is gone and no new one came: its rows are cleaned and ranked again (no rules in force have the empty fingerprint).
UPDATE core.cleaned SET fingerprint = ''
WHERE file_id IN (SELECT file_id FROM gone SEMI JOIN offered USING (key) ANTI JOIN fresh USING (key))
