"""One training loop in a process of its own, which trains only while it has the turn.

python -m tests.benchmarks.tools.trainee LOOP DEVICE STEPS THREADS    # started by parts.training

For every line that it reads it trains so many steps, then writes a line of JSON: the seconds that
they took and the accuracy on all test images afterwards, whose time does not count.
"""

import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from tests.benchmarks.peers.tutorial import Tutorial
from training.data import mnist
from training.networks.configuration import COLUMNS, ROWS, RecurrentConfig
from training.recipes.plain import PlainRecipe
from training.recipes.tutorials import TUTORIALS
from training.trainers.plain_trainer import PlainTrainer

EPOCHS = 1_000  # more than anybody waits for
NEVER = 1_000_000  # steps


class Loop(Protocol):
    """What is driven."""

    def run(self, on_step: Callable[[], object]) -> object:
        """Train to the end; `on_step` is called after every step."""

    def accuracy(self) -> float:
        """On all test images, in [0, 1]."""


class Ours:
    """`training.trainers.plain_trainer` with the same recipe."""

    def __init__(self, recipe: PlainRecipe, root: Path, device: torch.device) -> None:
        self.trainer = PlainTrainer(recipe, mnist.load(root), device)

    def run(self, on_step: Callable[[], object]) -> None:
        """See `Loop.run`."""
        self.trainer.run(on_step)

    @torch.inference_mode()
    def accuracy(self) -> float:
        """See `Loop.accuracy`."""
        return self.trainer.task.score(self.trainer.network)


# Batches so many times as large are faster to go through.
LARGER = 3


def larger(recipe: PlainRecipe, root: Path, device: torch.device) -> Ours:
    """Ours with larger batches, and the rate that goes with them.

    The rate of Adam grows with the square root of the batch: Malladi et al., "On the SDEs and
    Scaling Rules for Adaptive Gradient Algorithms", 2022. It was not fitted to any result here.
    """
    rate = recipe.learning_rate * math.sqrt(LARGER)
    batch = recipe.batch_size * LARGER
    changed = dataclasses.replace(recipe, batch_size=batch, learning_rate=rate)
    return Ours(changed, root, device)


class Floor:
    """The LSTM's own way forward and back over one batch, again and again, and nothing else."""

    def __init__(self, recipe: PlainRecipe, _: Path, device: torch.device) -> None:
        assert isinstance(recipe.network, RecurrentConfig)
        self.lstm = nn.LSTM(COLUMNS, recipe.network.hidden_size).to(device)
        self.rows = torch.rand(ROWS, recipe.batch_size, COLUMNS, device=device)

    def run(self, on_step: Callable[[], object]) -> None:
        """See `Loop.run`; it has no end."""
        while True:
            self.lstm(self.rows)[0].sum().backward()
            on_step()

    def accuracy(self) -> float:
        """It learns nothing."""
        return 0.0


LOOPS: dict[str, Callable[[PlainRecipe, Path, torch.device], Loop]] = {
    "floor": Floor,
    "ours": Ours,
    "larger": larger,
    "tutorial": Tutorial,
}


class Turns:
    """Called after every step: after `steps` of them, reports and waits for the next turn."""

    def __init__(self, loop: Loop, device: torch.device, steps: int) -> None:
        self.loop, self.device, self.steps = loop, device, steps
        self.done = 0
        self.started = self.wait()

    def __call__(self) -> None:
        self.done += 1
        if self.done % self.steps:
            return
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.perf_counter() - self.started
        print(json.dumps({"seconds": seconds, "accuracy": self.loop.accuracy()}), flush=True)
        self.started = self.wait()

    def wait(self) -> float:
        """The time at which the next turn begins."""
        if not sys.stdin.readline():
            raise SystemExit
        return time.perf_counter()


def main() -> None:
    """Train in turns until nobody asks any more."""
    name, device, steps, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    recipe = dataclasses.replace(
        TUTORIALS["lstm-64"].recipe, epochs=EPOCHS, evaluate_every=NEVER, evaluation_images=None
    )
    chosen = torch.device(device)
    loop = LOOPS[name](recipe, mnist.default_root(), chosen)
    print(json.dumps({"ready": True}), flush=True)
    loop.run(Turns(loop, chosen, int(steps)))


if __name__ == "__main__":
    main()
