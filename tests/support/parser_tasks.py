"""Tasks for the processes that parse: what behaves, and what does not."""

import os
import signal
import time
from typing import Any

import numpy as np

from service.errors import NotAnImageError

MIB = 2**20


def echo(*values: Any) -> Any:
    return values


def refuse() -> None:
    raise NotAnImageError("the words")


def fail() -> None:
    raise KeyError("the reason")


def compute(seconds: float) -> str:
    """Take the processor for so long."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return "done"


def take(mebibytes: int) -> int:
    return len(np.ones(mebibytes * MIB, np.uint8))


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def number() -> int:
    """That of the process."""
    return os.getpid()


def complain() -> int:
    """Write to the log past Python."""
    return os.write(2, b"complaint\n")
