"""What every command plugin must hold.

class TestServe(CommandContract):
    registration = next(iter(taxiway_commands()))
"""

import logging
from collections.abc import Iterator
from random import Random
from typing import Any

from taxiway.clock import SystemClock
from taxiway.registration import AnyRegistration, Context


class CommandContract:
    """Subclass it and name the registration. It needs click, as the plugin itself does."""

    registration: AnyRegistration

    def command(self) -> Any:
        """Build the command."""
        context = Context(clock=SystemClock(), random=Random(1), log=logging.getLogger("test"))  # noqa: S311 - a test
        return self.registration.build(self.registration.options(), context)

    def leaves(self) -> Iterator[tuple[str, Any]]:
        """Give the command, or the commands inside it, by what is typed."""
        waiting = [(self.registration.name, self.command())]
        while waiting:
            name, command = waiting.pop()
            inner = getattr(command, "commands", None)
            if inner is None:
                yield name, command
            else:
                waiting += [(f"{name} {word}", part) for word, part in inner.items()]

    def test_it_is_called_what_it_is_registered_as(self) -> None:
        """Help and errors show the command's own name."""
        assert self.command().name == self.registration.name

    def test_it_and_all_inside_it_take_config_and_data_dir(self) -> None:
        """Every command of the program takes both, so nobody has to remember which."""
        for name, command in self.leaves():
            options = {option for param in command.params for option in param.opts}
            assert {"--config", "--data-dir"} <= options, f"{name} lacks one of them"

    def test_it_and_all_inside_it_say_what_they_do(self) -> None:
        """`--help` of each has a text, and the registration a summary."""
        assert self.registration.summary
        for name, command in self.leaves():
            assert command.help, f"{name} has no help"
