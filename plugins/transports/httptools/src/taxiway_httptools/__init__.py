"""Taxiway's fast HTTP/1.1 transport."""

TAXIWAY_API = (1, 0)
