"""Tests in virtual time: `@virtual_time` above an async test."""

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from taxiway.virtual import run

P = ParamSpec("P")
T = TypeVar("T")


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an async test (a function or a method) run on a loop of its own in virtual time.

    Its sleeps and timeouts pass at once, and a test that would hang fails. `VirtualClock()` inside it is its clock. Async
    fixtures run on another loop: take sync ones. With hypothesis, `@given` comes above this.
    """

    @functools.wraps(test)
    def in_virtual_time(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(test(*args, **kwargs))

    return in_virtual_time
