"""The recipe of a plain training run: a fixed rate, no augmentation, no averaging of weights."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from models.manifest import Task
from training.networks.configuration import Architecture
from training.networks.field_checks import check_choice, check_counts, check_range

Optimizer = Literal["adam", "sgd"]
TrainingImages = Literal["all", "train"]


REGRESSION_DATA = "waves"  # a regression's data set, in records of runs and in manifests


def score_name(task: Task) -> str:
    """The name of this task's score, as in a manifest's metrics."""
    return (
        "accuracy" if task in ("classify", "classify_rows", "transcribe") else "mean_squared_error"
    )


@dataclass(frozen=True, kw_only=True)
class PlainRecipe:
    """Everything that a run of `training.trainers.plain_trainer` depends on.

    Raises:
        RecipeError: a field is outside its range.

    """

    name: str
    task: Task
    network: Architecture
    optimizer: Optimizer
    learning_rate: float
    batch_size: int
    epochs: int = 1
    # Which images train: `all` but those for testing, or `train`, without the validation images.
    training_images: TrainingImages = "all"
    clip_norm: float | None = None  # largest global norm of the gradient; None: no clipping
    evaluate_every: int  # steps
    evaluation_images: int | None = None  # evaluate on so many test images; None: on all of them
    seed: int = 0

    @property
    def needs_data(self) -> bool:
        """Whether it learns from images; a regression makes its sequences itself."""
        return self.task != "regress"

    def __post_init__(self) -> None:
        check_choice(self, "task", get_args(Task))
        check_choice(self, "optimizer", get_args(Optimizer))
        check_choice(self, "training_images", get_args(TrainingImages))
        check_counts(self, "batch_size", "epochs", "evaluate_every")
        check_range(self, "learning_rate", 0.0, 10.0, above_low=True)
        check_range(self, "seed", 0, 2**31 - 1)
        if self.clip_norm is not None:
            check_range(self, "clip_norm", 0.0, math.inf, above_low=True)
        if self.evaluation_images is not None:
            check_counts(self, "evaluation_images")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON data: equal to what JSON gives back."""
        kind = type(self.network).__name__.removesuffix("Config").lower()
        fields = dataclasses.asdict(self)
        fields["network"] = {"kind": kind, **fields["network"]}
        plain: dict[str, Any] = json.loads(json.dumps(fields))
        return plain
