"""An SQL store for Taxiway."""

TAXIWAY_API = (1, 0)
