"""Models and prices from models.dev for Taxiway."""

TAXIWAY_API = (1, 0)
