"""The finished seeds of a tutorial, together."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from training.data.datasets import DataSet, Split
from training.recipes.tutorials import Tutorial
from training.runs import seed_runs
from training.runs.seed_runs import SeedRun
from training.trainers.plain_trainer import CurvePoint
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
    def shown_seed(self) -> int:
        """The seed whose network the report shows: the published one, or 0 if that is not here."""
        seed = self.tutorial.recipe.seed
        return seed if seed < len(self.runs) else 0

    def network(self, seed: int) -> nn.Module:
        """The network of this seed, in eval mode on the CPU.

        Raises:
            CheckpointError: its weights are missing, damaged or unreadable.

        """
        return seed_runs.network(self.folder, self.tutorial.with_seed(seed))

    def predictions(self, images: Split, seed: int) -> Tensor:
        """The digits that the classifier of this seed reads in `images`, (n,) int64."""
        return evaluate(self.network(seed), images).predictions

    def scores(self, split: str) -> list[float]:
        """The final scores on "test" or "train", by seed; empty if the split was not scored."""
        return [run.scores[split] for run in self.runs if split in run.scores]

    def at_step(self, step: int) -> list[float]:
        """The scores after `step` steps, by seed; empty if there was no evaluation."""
        return [point.score for run in self.runs for point in run.curve if point.step == step]

    @property
    def curves(self) -> list[list[CurvePoint]]:
        """The evaluations during training, by seed."""
        return [run.curve for run in self.runs]

    @property
    def core_seconds(self) -> float:
        """The seconds of one processor core that all seeds took together."""
        return sum(run.core_seconds for run in self.runs)


def collect(
    tutorial: Tutorial, seeds: Iterable[int], data: DataSet | None, runs_dir: Path
) -> Result:
    """The finished runs of these seeds of `tutorial` in `runs_dir`.

    Raises:
        CheckpointError: one is damaged or unreadable.

    """
    mine = seed_runs.data_for(tutorial.recipe, data)
    folder = seed_runs.folder_of(tutorial.recipe, mine, runs_dir)
    found = [seed_runs.find(folder, tutorial.with_seed(seed), mine) for seed in seeds]
    return Result(tutorial, folder, tuple(run for run in found if run))


def mean_and_spread(values: Sequence[float], scale: float, digits: int) -> str:
    """Mean and standard deviation (n - 1) of `values` times `scale`; of one value, that value."""
    scaled = [value * scale for value in values]
    mean = f"{statistics.fmean(scaled):.{digits}f}"
    return mean if len(scaled) < 2 else f"{mean} ± {statistics.stdev(scaled):.{digits}f}"
