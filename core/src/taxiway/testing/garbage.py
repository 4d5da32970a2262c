"""What only the garbage collector frees: circles of references, which calls are not to leave behind."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_to_the_collector() -> Iterator[list[object]]:
    """Give a list that has, once the block is over, all that was made in it and is unreachable, but was not freed.

    The collector rests within the block. What a first call makes for good belongs before it.
    """
    left: list[object] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield left
        gc.collect()
        left += gc.garbage
    finally:
        gc.set_debug(0)
        gc.enable()
        gc.garbage.clear()
