"""Taxiway's generations as lines of JSON."""

TAXIWAY_API = (1, 0)
