"""Taxiway's command line."""

TAXIWAY_API = (1, 0)
