"""A provider of Taxiway that answers by itself."""

TAXIWAY_API = (1, 0)
