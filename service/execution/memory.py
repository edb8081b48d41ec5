"""Give back to the system the memory that large pictures leave behind in the C library."""

import ctypes
import functools
from collections.abc import Callable


def give_back() -> None:
    """Let go of all that is free; it takes some milliseconds.

    glibc keeps freed memory for later: after a picture of 48 megapixels half a gigabyte a thread.
    """
    _trim()(0)


@functools.cache
def _trim() -> Callable[[int], object]:
    """`malloc_trim` of glibc; elsewhere nothing, where libraries give back by themselves."""
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return lambda _: None
    return trim
