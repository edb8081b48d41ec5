"""Jobs for worker processes: one seed of a tutorial's recipe each."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.data.datasets import DataSet, DataSetName
from training.data.loading import load
from training.recipes.plain import PlainRecipe
from training.recipes.tutorials import TUTORIALS
from training.runs import run_folder, seed_runs
from training.runs.seed_runs import SeedRun
from training.trainers.device import choose_device
from training.trainers.plain_trainer import PlainTrainer


@dataclass(frozen=True, kw_only=True)
class SeedJob:
    """What a process needs to know to train one seed; no tensors, so that it is cheap to send."""

    name: str  # of the tutorial
    seed: int
    dataset: DataSetName
    data_dir: Path | None  # as `training.data.loading.load` takes it
    runs_dir: Path
    device: str  # as `training.trainers.device.choose_device` takes it

    def __str__(self) -> str:
        return f"{self.name}, seed {self.seed}"

    @property
    def recipe(self) -> PlainRecipe:
        """The tutorial's recipe with this seed."""
        return TUTORIALS[self.name].with_seed(self.seed)

    @property
    def seconds(self) -> float:
        """Seconds of one core that it takes on MNIST, about."""
        return TUTORIALS[self.name].seconds

    def find(self, data: DataSet | None) -> SeedRun | None:
        """The finished run of this job, if there is one.

        Raises:
            CheckpointError: it is damaged or unreadable.

        """
        mine = seed_runs.data_for(self.recipe, data)
        folder = seed_runs.folder_of(self.recipe, mine, self.runs_dir)
        return seed_runs.find(folder, self.recipe, mine)

    def train(self, on_progress: Callable[[float], object]) -> None:
        """Train and keep the run; call `on_progress(share)` after every step, up to a share of 1.

        Raises:
            TrainingError, OSError: as `training.runs.seed_runs.train` does.

        """
        data = _load(self.dataset, self.data_dir) if self.recipe.needs_data else None
        folder = seed_runs.folder_of(self.recipe, data, self.runs_dir)
        with run_folder.locked(folder / f"seed-{self.seed}"):
            trainer = PlainTrainer(self.recipe, data, choose_device(self.device))
            steps = iter(range(1, trainer.steps + 1))
            seed_runs.train(folder, trainer, lambda: on_progress(next(steps) / trainer.steps))


_load = functools.cache(load)  # once in each process
