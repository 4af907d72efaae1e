-- A record of which a row is gone and no new one came: its rows are cleaned and ranked again, as another row of it may be the one to count
-- now, here or in another source. No rules in force have the empty fingerprint.
UPDATE core.cleaned SET fingerprint = ''
WHERE file_id IN (SELECT file_id FROM gone ANTI JOIN fresh USING (key))
