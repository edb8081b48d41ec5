"""What the seeds of one tutorial came to, together."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from torch import Tensor, nn

from training import crew, seeds
from training.crew import Job
from training.data import DataSet
from training.plain_trainer import Point
from training.seeds import SeedRun
from training.trainer import evaluate
from training.tutorials import Tutorial


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

    @cached_property
    def network(self) -> nn.Module:
        """The network that is published, in eval mode on the CPU; of seed 0 if that is not here."""
        recipe = self.tutorial.recipe
        here = recipe.seed < len(self.runs)
        return seeds.network(self.folder, recipe if here else self.tutorial.with_seed(0))

    def predictions(self, data: DataSet) -> Tensor:
        """What that classifier reads in the test images, (n,) int64."""
        return evaluate(self.network, data.test).predictions

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
    found = [crew.find(job, data, runs_dir) for job in jobs if job.name == tutorial.name]
    runs = tuple(run for _, run in found if run)
    return Result(tutorial, found[0][0], runs)


def mean_and_spread(values: Sequence[float], scale: float, digits: int) -> str:
    """Mean and standard deviation (n - 1) of `values` times `scale`; of one value, the value."""
    scaled = [value * scale for value in values]
    mean = f"{statistics.fmean(scaled):.{digits}f}"
    return mean if len(scaled) < 2 else f"{mean} ± {statistics.stdev(scaled):.{digits}f}"
