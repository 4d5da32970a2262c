"""Taxiway: one API, many AI providers, your own keys."""
