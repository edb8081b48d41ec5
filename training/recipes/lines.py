"""The recipes of readers of lines: `LINE_RECIPES["numbers"]` made `models/numbers`.

A recipe goes into the checkpoint and into the published manifest word for word.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_args

from training.errors import RecipeError
from training.networks.configuration import GatedCell, LineReaderConfig
from training.networks.field_checks import check_choice, check_counts, check_range


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A part of a run: so many epochs, over which the rate falls along a cosine to zero.

    Raises:
        RecipeError: a field is outside its range.

    """

    epochs: int
    lines: int  # of an epoch, composed anew for each
    batch_size: int
    learning_rate: float  # the peak, reached after the warm-up

    def __post_init__(self) -> None:
        check_counts(self, "epochs", "lines", "batch_size")
        check_range(self, "learning_rate", 0.0, 10.0, above_low=True)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of an epoch."""
        return math.ceil(self.lines / self.batch_size)

    @property
    def steps(self) -> int:
        """Optimiser steps of the phase."""
        return self.epochs * self.steps_per_epoch


@dataclass(frozen=True, kw_only=True)
class LineRecipe:
    """Everything that a training run of a reader of lines depends on.

    Raises:
        RecipeError: a field is outside its range.

    """

    name: str
    cell: GatedCell = "lstm"
    hidden_size: int = 128  # units in each direction
    num_layers: int = 2
    stages: tuple[tuple[int, ...], ...] = ((16,), (32, 32), (64, 64))  # see `LineReaderConfig`
    features: int = 128
    dropout: float = 0.2
    # A second phase with smaller batches goes on from where the first has come to rest.
    phases: tuple[Phase, ...] = (
        Phase(epochs=12, lines=55_424, batch_size=256, learning_rate=2e-3),
        Phase(epochs=5, lines=60_544, batch_size=64, learning_rate=5e-4),
        Phase(epochs=10, lines=60_544, batch_size=64, learning_rate=5e-4),
    )
    warmup: float = 0.03  # fraction of a phase's steps
    weight_decay: float = 0.02  # AdamW's, of all but biases and normalisation
    clip_norm: float = 1.0  # largest global norm of the gradient
    average_decay: float = 0.999  # of the weights' exponential moving average
    # Of the loss at the middle of each character, beside CTC's, at first; after an eighth of the
    # first phase a tenth of it is left. Without it CTC reads nothing but blanks for long.
    placement: float = 1.0
    seed: int = 0
    # The least share of the test lines read without a fault with which a model may be published.
    floors: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice(self, "cell", get_args(GatedCell))
        if not self.phases:
            raise RecipeError("phases is (), expected at least one")
        check_range(self, "warmup", 0.0, 1.0)
        check_range(self, "weight_decay", 0.0, 1.0)
        check_range(self, "clip_norm", 0.0, math.inf, above_low=True)
        check_range(self, "average_decay", 0.0, 1.0)
        check_range(self, "placement", 0.0, 100.0)
        check_range(self, "seed", 0, 2**31 - 1)
        for name, floor in self.floors.items():
            if not 0.0 <= floor <= 1.0:
                raise RecipeError(f"floors[{name!r}] is {floor}, expected a fraction in [0, 1]")
        assert self.network  # noqa: S101  its own fields are checked

    @property
    def epochs(self) -> int:
        """The epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    def shortened(self, epochs: int) -> "LineRecipe":
        """The recipe with so many epochs in its only phase, which is the first.

        Raises:
            RecipeError: `epochs` is no count.

        """
        first = dataclasses.replace(self.phases[0], epochs=epochs)
        return dataclasses.replace(self, phases=(first,))

    @property
    def network(self) -> LineReaderConfig:
        """The network's configuration."""
        return LineReaderConfig(
            cell=self.cell,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            stages=self.stages,
            features=self.features,
            dropout=self.dropout,
        )

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON data: equal to what JSON gives back."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> "LineRecipe":
        """The recipe of these JSON data, which `to_dict` wrote.

        Raises:
            RecipeError: a field is unknown, missing or outside its range.

        """
        try:
            stages = tuple(tuple(stage) for stage in fields["stages"])
            phases = tuple(Phase(**phase) for phase in fields["phases"])
            return LineRecipe(**{**fields, "stages": stages, "phases": phases})
        except (KeyError, TypeError) as error:
            raise RecipeError(f"not a recipe of this version of RowReader: {error}") from error

    def differences(self, other: "LineRecipe") -> list[str]:
        """The fields that `other` has otherwise, each as "field: this -> that"."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [f"{key}: {mine[key]} -> {theirs[key]}" for key in mine if mine[key] != theirs[key]]


_ALL = (LineRecipe(name="numbers", floors={"mnist": 0.9, "digits": 0.3}),)

LINE_RECIPES = MappingProxyType({recipe.name: recipe for recipe in _ALL})
