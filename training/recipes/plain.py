"""A plain training run as data: a fixed rate, a number of epochs, no augmentation, no averaging."""

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from models.manifest import Task
from training.networks.configuration import Architecture
from training.recipes.validation import check, check_choice, check_counts

Optimizer = Literal["adam", "sgd"]
TrainingImages = Literal["all", "train"]


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
    # Which images train: `all` that are not for testing, or those without the validation images.
    training_images: TrainingImages = "all"
    clip_norm: float | None = None  # largest global norm of the gradient; None: as it comes
    evaluate_every: int  # steps
    evaluation_images: int | None = None  # the first so many test images; None: all of them
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice(self, "task", get_args(Task))
        check_choice(self, "optimizer", get_args(Optimizer))
        check_choice(self, "training_images", get_args(TrainingImages))
        check_counts(self, "batch_size", "epochs", "evaluate_every")
        check(self, "learning_rate", 0.0, 10.0, open_below=True)
        check(self, "seed", 0, 2**31 - 1)
        if self.clip_norm is not None:
            check(self, "clip_norm", 0.0, math.inf, open_below=True)
        if self.evaluation_images is not None:
            check_counts(self, "evaluation_images")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON data, which equals what JSON gives back."""
        kind = type(self.network).__name__.removesuffix("Config").lower()
        fields = dataclasses.asdict(self)
        fields["network"] = {"kind": kind, **fields["network"]}
        plain: dict[str, Any] = json.loads(json.dumps(fields))
        return plain
