"""What the seeds of one tutorial came to, together."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from training.data.datasets import DataSet, Split
from training.recipes.tutorials import Tutorial
from training.runs import seeds, worker_pool
from training.runs.seeds import SeedRun
from training.runs.worker_pool import Job
from training.trainers.plain_trainer import Point
from training.trainers.trainer import evaluate


@dataclass(frozen=True)
class Result:
    """A tutorial and its finished runs, by seed from 0."""

    tutorial: Tutorial
    folder: Path
    runs: tuple[SeedRun, ...]

    @property
    def name(self) -> str:
        """The recipe's name."""
        return self.tutorial.name

    @property
    def task(self) -> str:
        """The recipe's task."""
        return self.tutorial.recipe.task

    @property
    def shown(self) -> int:
        """The seed whose network is shown: the one that is published, or 0 if that is not here."""
        seed = self.tutorial.recipe.seed
        return seed if seed < len(self.runs) else 0

    def network(self, seed: int) -> nn.Module:
        """The network of this seed, in eval mode on the CPU.

        Raises:
            CheckpointError: its weights are damaged.

        """
        return seeds.network(self.folder, self.tutorial.with_seed(seed))

    def predictions(self, images: Split, seed: int) -> Tensor:
        """What the classifier of this seed reads in `images`, (n,) int64."""
        return evaluate(self.network(seed), images).predictions

    def scores(self, split: str) -> list[float]:
        """The final scores on "test" or "train", by seed; none where it was not scored."""
        return [run.scores[split] for run in self.runs if split in run.scores]

    def at_step(self, step: int) -> list[float]:
        """The evaluations after `step` steps, by seed."""
        return [point.score for run in self.runs for point in run.curve if point.step == step]

    @property
    def curves(self) -> list[list[Point]]:
        """The evaluations on the way, by seed."""
        return [run.curve for run in self.runs]

    @property
    def core_seconds(self) -> float:
        """Of one processor core, for all seeds together."""
        return sum(run.core_seconds for run in self.runs)


def collect(
    tutorial: Tutorial, jobs: Sequence[Job], data: DataSet | None, runs_dir: Path
) -> Result:
    """The finished runs of `tutorial` among `jobs`, all of which are trained.

    Raises:
        CheckpointError: what lies in `runs_dir` is damaged.

    """
    found = [worker_pool.find(job, data, runs_dir) for job in jobs if job.name == tutorial.name]
    runs = tuple(run for _, run in found if run)
    return Result(tutorial, found[0][0], runs)


def mean_and_spread(values: Sequence[float], scale: float, digits: int) -> str:
    """Mean and standard deviation (n - 1) of `values` times `scale`; of one value, the value."""
    scaled = [value * scale for value in values]
    mean = f"{statistics.fmean(scaled):.{digits}f}"
    return mean if len(scaled) < 2 else f"{mean} ± {statistics.stdev(scaled):.{digits}f}"
