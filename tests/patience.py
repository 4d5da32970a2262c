"""Hypothesis as machines under load need it: no example is too slow. Where CI is set, hypothesis' own profile for it holds."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if not os.environ.get("CI"):
    settings.load_profile("patient")
