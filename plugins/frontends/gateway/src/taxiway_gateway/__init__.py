"""Taxiway's HTTP gateway."""

TAXIWAY_API = (1, 0)
