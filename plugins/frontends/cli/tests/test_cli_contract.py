"""Every command of this distribution is a good one."""

import pytest

from taxiway.testing.command import CommandContract
from taxiway_cli import COMMANDS, taxiway_commands


@pytest.mark.parametrize("registration", taxiway_commands(), ids=lambda registration: registration.name)
class TestCommands(CommandContract):
    @pytest.fixture(autouse=True)
    def _the_registration(self, registration):
        self.registration = registration


def test_each_has_an_entry_point_and_a_summary():
    assert [registration.name for registration in taxiway_commands()] == sorted(COMMANDS)
