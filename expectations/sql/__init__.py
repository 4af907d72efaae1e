"""Rules as SQL: one SELECT a rule, which returns the offending places and nothing when the rule holds."""
