-- Cells of the version in force of each report. Grain: one cell of one report.
SELECT * EXCLUDE (is_current) FROM audit.cell_history WHERE is_current
