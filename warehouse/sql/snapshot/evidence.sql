-- Records behind the cells of the version in force. Grain: one record in one cell of one report.
SELECT * EXCLUDE (is_current) FROM audit.evidence_history WHERE is_current
