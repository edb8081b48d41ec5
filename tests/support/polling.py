"""Wait until something is so: ask again and again, and fail when it is not in time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE = 60.0  # seconds; generous, for machines that do other things too


def poll(
    reached: Callable[[], T | None],
    explain: Callable[[], str],
    *,
    deadline: float = DEADLINE,
    pause: float = 0.02,
) -> T:
    """Call `reached` until it returns something true, and return that.

    Args:
        reached: asked again and again; it may raise to give up early.
        explain: what to say when it was not reached in time.
        deadline: seconds until then.
        pause: seconds between two questions.

    Raises:
        AssertionError: it was not reached in time.

    """
    end = time.monotonic() + deadline
    while not (found := reached()):
        assert time.monotonic() < end, explain()
        time.sleep(pause)
    return found
