"""Seconds of training beside the tutorials' own loop: see `tests.benchmarks.bench`.

Both loops take turns of a quarter of an epoch, each in a process of its own, from the same recipe.
"""

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from tqdm import tqdm

from tests.benchmarks.tools.report import Goal, Part, Table
from tests.benchmarks.tools.timing import Spread, ratio, turns
from tests.benchmarks.tools.trainee import LARGER
from tests.support.project import ROOT
from training.data import mnist
from training.recipes.tutorials import TUTORIALS

OURS, BIGGER, TUTORIAL, FLOOR = "ours", "larger", "tutorial", "floor"
LOOPS = (OURS, BIGGER, TUTORIAL, FLOOR)
TARGETS = (0.97, 0.985)
IMAGES = 60_000
RECIPE = TUTORIALS["lstm-64"].recipe
STEPS_PER_EPOCH = math.ceil(IMAGES / RECIPE.batch_size)

HOW = (
    "The tutorials' recipe `lstm-64` (1 x 64 LSTM, Adam 0.01, batch 64, 60,000 images) by "
    "`training.trainers.plain_trainer` and by the tutorials' own loop, a DataLoader over "
    "torchvision's MNIST with ToTensor; {threads} threads on the CPU. `larger` is ours with "
    "{times} times as large batches and the rate times the square root of that, by rule; "
    "`floor` is the LSTM's own way forward and back over batches of 64, and nothing else. All "
    "train in turns of {images} images, a {share:.2f} part of an epoch, for {limit:.0f} s a "
    "device or until all have read 98.5 % of all test images right after a turn; reading them "
    "does not count. Seconds an epoch: median (10th to 90th percentile) over the turns, "
    "scaled to a whole epoch. The test images choose nothing here."
)


@dataclass(frozen=True)
class Budget:
    """How much is measured."""

    seconds: float = 100.0  # a device, reading test images included
    steps: int = STEPS_PER_EPOCH // 4  # a turn
    threads: int = 2


@dataclass
class Course:
    """What one loop came to, turn by turn."""

    seconds: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)

    def until(self, accuracy: float) -> float | None:
        """Seconds of training until it read so many test images right after a turn."""
        for turn, reached in enumerate(self.accuracies, start=1):
            if reached >= accuracy:
                return sum(self.seconds[:turn])
        return None

    @property
    def done(self) -> bool:
        """Whether the last target is reached."""
        return self.until(TARGETS[-1]) is not None


def measure(budget: Budget) -> Part:
    """Train both ways on every device that there is; without MNIST say so."""
    found: dict[str, dict[str, Course]] = {}
    root = mnist.default_root()
    why = "" if mnist.is_present(root) else "MNIST is not here; name its folder with MNIST_ROOT"
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    if not why:
        found = {device: _race(device, budget) for device in devices}
    how = HOW.format(
        threads=budget.threads,
        times=LARGER,
        images=budget.steps * RECIPE.batch_size,
        share=budget.steps / STEPS_PER_EPOCH,
        limit=budget.seconds,
    )
    samples = {
        device: {name: vars(course) for name, course in courses.items()}
        for device, courses in found.items()
    }
    return Part("training", how, table(found, budget.steps, why), samples)


def _race(device: str, budget: Budget) -> dict[str, Course]:
    courses = {name: Course() for name in LOOPS}
    with contextlib.ExitStack() as stack:
        loops = {name: stack.enter_context(_trainee(name, device, budget)) for name in courses}
        for loop in loops.values():
            _next(loop)  # ready
        end = time.monotonic() + budget.seconds
        with tqdm(desc=f"training on {device}", unit="turn", leave=False) as progress:
            while time.monotonic() < end and not all(
                courses[name].done for name in LOOPS if name != FLOOR
            ):
                for name in turns(1, list(loops)):
                    turn = _next(loops[name], go=True)
                    courses[name].seconds.append(turn["seconds"])
                    courses[name].accuracies.append(turn["accuracy"])
                progress.update()
    return courses


@contextlib.contextmanager
def _trainee(name: str, device: str, budget: Budget) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.benchmarks.tools.trainee", name, device]
    steps = budget.steps // (LARGER if name == BIGGER else 1)
    process = subprocess.Popen(
        [*command, str(steps), str(budget.threads)],
        cwd=ROOT,
        env={**os.environ, "MNIST_ROOT": str(mnist.default_root().resolve())},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _next(loop: subprocess.Popen[str], *, go: bool = False) -> dict[str, float]:
    """The next line that the loop writes, after a turn if it is let `go`.

    Raises:
        RuntimeError: it has ended; it has said why.
    """
    assert loop.stdin
    assert loop.stdout
    if go:
        loop.stdin.write("\n")
        loop.stdin.flush()
    if not (line := loop.stdout.readline()):
        raise RuntimeError(f"{' '.join(map(str, loop.args))} has ended")  # type: ignore[arg-type]
    answer: dict[str, float] = json.loads(line)
    return answer


def table(found: Mapping[str, dict[str, Course]], steps: int, why: str) -> Table:
    """One row a device and loop; `why` there is none on the CPU, if so."""
    columns = ("device", "loop", "seconds an epoch", "seconds to 97 %", "seconds to 98.5 %")
    rows = Table((*columns, "epochs", "best on test"), names=2)
    scale = STEPS_PER_EPOCH / steps
    for device, courses in found.items():
        for name, course in courses.items():
            rows.add(
                device,
                name,
                Spread.of([scale * seconds for seconds in course.seconds]).shown(2),
                *(_shown(course.until(target)) for target in TARGETS),
                f"{len(course.seconds) / scale:.2f}",
                "-" if name == FLOOR else f"{100 * max(course.accuracies, default=math.nan):.2f} %",
                goals=goals(device, name, courses),
            )
    for device in [device for device in ("cpu", "cuda") if device not in found]:
        nothing = goals(device, OURS, {name: Course() for name in LOOPS})
        missing = [replace(goal, note=why or "no GPU here") for goal in nothing]
        rows.add(device, OURS, *["-"] * (len(rows.columns) - 2), goals=missing)
    return rows


def goals(device: str, name: str, courses: Mapping[str, Course]) -> list[Goal]:
    """What is wished for of this loop on this device."""
    if name in (TUTORIAL, FLOOR):
        return []
    ours, tutorial = courses[name], courses[TUTORIAL]
    if device == "cuda":
        until = ours.until(TARGETS[-1])
        return [Goal("lstm-64 to 98.5 %", "under", 3, until, "s", "" if until else "never")]
    speed = ratio(tutorial.seconds, ours.seconds) if ours.seconds else None
    gaps = [100 * (m - t) for m, t in zip(ours.accuracies, tutorial.accuracies, strict=True)]
    gap = f"{Spread.of(gaps).shown(2)} points of accuracy above it after as many images"
    return [Goal("speed an epoch over the tutorials' loop", "at least", 3, speed, note=gap)]


def _shown(seconds: float | None) -> str:
    return "not reached" if seconds is None else f"{seconds:.1f}"
