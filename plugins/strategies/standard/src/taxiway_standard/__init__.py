"""Taxiway's standard routing strategies."""

TAXIWAY_API = (1, 0)
