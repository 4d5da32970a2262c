"""Any OpenAI-compatible server as a provider of Taxiway."""

TAXIWAY_API = (1, 0)
