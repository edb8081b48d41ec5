"""How long work takes: what was seen of its kind, or a guess while nothing was."""

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Load:
    """What a work will take: `guess` seconds, until others of its `kind` have been seen."""

    kind: str
    guess: float


def sized(kind: str, size: int, guess: float) -> Load:
    """The load of a work of `kind` and `size`, any number; sizes within four times are alike."""
    return Load(f"{kind} {size.bit_length() // 2}", guess)


class Paces:
    """The seconds that works of each kind take, smoothed; any thread may ask it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[str, float] = {}

    def expected(self, load: Load) -> float:
        """How many seconds a work with this load will take."""
        return self._seconds.get(load.kind, load.guess)

    def learn(self, load: Load, seconds: float) -> None:
        """Take in that a work with this load took `seconds`.

        The average is of about the last eight, and a single outlier at most doubles it.
        """
        with self._lock:
            average = self.expected(load)
            self._seconds[load.kind] = average + (min(seconds, 9 * average) - average) / 8
