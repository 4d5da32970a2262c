"""`taxiway serve` is a good command."""

from taxiway.testing.command import CommandContract
from taxiway_gateway import taxiway_commands


class TestServe(CommandContract):
    registration = next(iter(taxiway_commands()))
