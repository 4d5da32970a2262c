"""Requests in meaning: the ways in which a dialect lets one thing be said, brought to one."""

import copy


def meaning(dialect, body):
    """A body with all that may be said in two ways said in one."""
    return _READERS.get(dialect, lambda given: given)(copy.deepcopy(body))


_READERS = {}
