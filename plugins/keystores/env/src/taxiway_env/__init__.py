"""Keys from the environment and from files for Taxiway."""

TAXIWAY_API = (1, 0)
