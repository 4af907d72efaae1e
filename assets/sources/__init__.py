"""Readers: bytes of the outside world into landed rows, every value as text. No Dagster, no warehouse file."""
