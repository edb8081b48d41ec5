"""What all measurements share: turns within rounds, the spread over them, ratios round by round.

Contenders take turns within each round, so that whatever else the machine does hits them alike,
and a ratio is taken within each round before the rounds are summed up.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """The median of a sample, and its 10th and 90th percentile; NaN for an empty one."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, sample: Sequence[float]) -> "Spread":
        """The spread of `sample`."""
        if not len(sample):
            return cls(float("nan"), float("nan"), float("nan"))
        values = np.asarray(sample, np.float64)
        # Between two infinite values there is nothing to interpolate.
        method: Literal["linear", "nearest"] = "linear" if np.isfinite(values).all() else "nearest"
        return cls(*np.percentile(values, (10, 50, 90), method=method).tolist())

    def shown(self, digits: int = 1) -> str:
        """With so many digits after the point."""
        low, median, high = (f"{v:,.{digits}f}" for v in (self.low, self.median, self.high))
        return f"{median} ({low} to {high})"

    def __str__(self) -> str:
        return self.shown()


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """The spread of the ratios of two samples, round by round; over nothing it is infinite.

    Raises:
        ValueError: the samples have not the same number of rounds.

    """
    return Spread.of(
        [n / d if d else float("inf") for n, d in zip(numerators, denominators, strict=True)]
    )


def turns(rounds: int, contenders: Sequence[T]) -> Iterator[T]:
    """Every one of `contenders` once a round, each round beginning with the next of them."""
    for number in range(rounds):
        start = number % max(1, len(contenders))
        yield from contenders[start:]
        yield from contenders[:start]


def fastest(samples: Mapping[str, Sequence[float]]) -> list[float]:
    """The least of several samples in each round."""
    return [min(values) for values in zip(*samples.values(), strict=True)]


def knee(curve: dict[int, float]) -> int | None:
    """The size at which a curve of positive values bends most; None of fewer than three."""
    if len(curve) < 3:
        return None
    sizes = list(curve)
    x, y = np.log(np.array(sizes, float)), np.log(np.array(list(curve.values())))
    chord = y[0] + (y[-1] - y[0]) * (x - x[0]) / (x[-1] - x[0])
    return sizes[int(np.abs(y - chord).argmax())]


@dataclass
class Timing:
    """A call, repeated for about `seconds` a measurement, and its seconds in every round."""

    call: Callable[[], object]
    seconds: float = 0.02
    runs: int = 1
    samples: list[float] = field(default_factory=list)

    def calibrate(self, warm_up: int = 3) -> None:
        """Warm up, and choose `runs` so that one measurement takes about `seconds`."""
        once = min(self._measure() for _ in range(warm_up))
        self.runs = max(1, round(self.seconds / once))

    def sample(self) -> None:
        """Measure once, and keep the seconds of one call."""
        self.samples.append(self._measure() / self.runs)

    def _measure(self) -> float:
        start = time.perf_counter()
        for _ in range(self.runs):
            self.call()
        return time.perf_counter() - start
