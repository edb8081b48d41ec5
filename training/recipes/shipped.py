"""The recipes of the classifiers that ship: `RECIPES["lstm"]` made `models/lstm`.

A recipe goes into the checkpoint and into the published manifest word for word.
"""

import dataclasses
import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, get_args

from training.errors import RecipeError
from training.networks.configuration import Cell, RecurrentConfig, ReNetConfig
from training.networks.field_checks import check_choice, check_counts, check_range


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """A random affine map and stroke width for every training image.

    Each field is the bound of a uniform draw in both directions.

    Raises:
        RecipeError: a field is outside its range.

    """

    rotation: float = 12.0  # degrees
    scale: float = 0.12  # fraction of the size, along each axis
    shear: float = 0.15  # columns a row
    shift: float = 2.0  # pixels, along each axis
    pen: float = 0.0  # pixels that a stroke's edge moves outwards or inwards
    elastic: float = 0.0  # pixels that places some 6 pixels apart move, each on its own

    def __post_init__(self) -> None:
        check_range(self, "rotation", 0.0, 180.0)
        check_range(self, "scale", 0.0, 0.9)
        check_range(self, "shear", 0.0, 1.0)
        check_range(self, "shift", 0.0, 14.0)
        check_range(self, "pen", 0.0, 1.0)
        check_range(self, "elastic", 0.0, 6.0)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a training run of a recurrent classifier of digits depends on.

    Raises:
        RecipeError: a field is outside its range.

    """

    name: str
    cell: Cell
    hidden_size: int = 128
    num_layers: int = 1
    # Units of each stage of a ReNet; it reads patches of the picture in four directions, instead of
    # rows from top to bottom by `num_layers` layers of `hidden_size` units.
    renet: tuple[int, ...] = ()
    dropout: float = 0.0  # between the stages of a ReNet
    epochs: int = 24
    batch_size: int = 128
    learning_rate: float = 3e-3  # the peak, reached after the warm-up
    warmup: float = 0.1  # fraction of all steps; then the rate falls along a cosine to zero
    weight_decay: float = 0.01  # AdamW's
    clip_norm: float = 1.0  # largest global norm of the gradient
    # Validated and exported is an exponential moving average of the weights: it is less noisy, so
    # more accurate, above all while the rate is high.
    average_decay: float = 0.999
    augmentation: Augmentation = field(default_factory=Augmentation)
    # Digits drawn as hands write them that MNIST does not have (`data.drawn.hands`).
    hands: float = 0.0  # how many are added to each batch, as a fraction of it
    # What is read after each row teaches the network to decide early; nothing is lost at the last.
    row_weight: float = 0.0  # of the mean loss over all rows, beside that at the last row
    # Pictures of no digit (`data.drawn.outliers`) teach the network to be unsure.
    outliers: float = 0.0  # how many are added to each batch, as a fraction of it
    outlier_weight: float = 0.5  # of their loss
    # Published classifiers whose answers it learns beside the labels (arXiv 1503.02531).
    teachers: tuple[str, ...] = ()
    seed: int = 0
    # The least accuracy on the test images of each data set with which a model may be published.
    floors: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_choice(self, "cell", get_args(Cell))
        check_counts(self, "hidden_size", "num_layers", "epochs", "batch_size")
        check_range(self, "learning_rate", 0.0, 10.0, above_low=True)
        check_range(self, "warmup", 0.0, 1.0)
        check_range(self, "weight_decay", 0.0, 1.0)
        check_range(self, "clip_norm", 0.0, math.inf, above_low=True)
        check_range(self, "average_decay", 0.0, 1.0)
        check_range(self, "hands", 0.0, 1.0)
        check_range(self, "row_weight", 0.0, 10.0)
        check_range(self, "outliers", 0.0, 1.0)
        check_range(self, "outlier_weight", 0.0, 10.0)
        check_range(self, "seed", 0, 2**31 - 1)
        if self.renet and self.row_weight:
            raise RecipeError(
                f"row_weight is {self.row_weight}, but a ReNet decides nothing after a row; leave "
                "one of row_weight and renet out"
            )
        if self.renet and self.cell == "rnn":
            raise RecipeError("cell is 'rnn', but a ReNet has gated cells: gru or lstm")
        if self.dropout and not self.renet:
            raise RecipeError(f"dropout is {self.dropout}, but only a ReNet has it; leave it out")
        for name, floor in self.floors.items():
            if not 0.0 <= floor <= 1.0:
                raise RecipeError(f"floors[{name!r}] is {floor}, expected a fraction in [0, 1]")

    @property
    def network(self) -> RecurrentConfig | ReNetConfig:
        """The network's configuration."""
        if self.renet and self.cell != "rnn":
            return ReNetConfig(cell=self.cell, hidden_sizes=self.renet, dropout=self.dropout)
        return RecurrentConfig(
            cell=self.cell,
            hidden_size=self.hidden_size,
            num_layers=self.num_layers,
            start="orthogonal",
            normalised=True,
        )

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON data: equal to what JSON gives back."""
        lists = {"renet": list(self.renet), "teachers": list(self.teachers)}
        return {**dataclasses.asdict(self), **lists}

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> "Recipe":
        """The recipe of these JSON data, which `to_dict` wrote.

        Raises:
            RecipeError: a field is unknown, missing or outside its range.

        """
        try:
            augmentation = Augmentation(**fields["augmentation"])
            tuples = {name: tuple(fields.get(name, ())) for name in ("renet", "teachers")}
            return Recipe(**{**fields, "augmentation": augmentation, **tuples})
        except (KeyError, TypeError) as error:
            raise RecipeError(f"not a recipe of this version of RowReader: {error}") from error

    def differences(self, other: "Recipe") -> list[str]:
        """The fields that `other` has otherwise, each as "field: this -> that"."""
        mine, theirs = self.to_dict(), other.to_dict()
        return [f"{key}: {mine[key]} -> {theirs[key]}" for key in mine if mine[key] != theirs[key]]


# Uploads have strokes of other widths than MNIST's and are written by other hands, and some show no
# digit.
_UPLOADS = Augmentation(pen=0.7, elastic=1.0)
_HANDS = _OUTLIERS = 0.25
_ROW_WEIGHT = 0.3  # 1 costs 0.1 points of accuracy at the last row
# Together they read the validation digits with a loss of 0.0272; the best of them alone has 0.0305.
_TEACHERS = ("accurate", "lstm", "gru")

_ALL = (
    # Without gates a plain RNN needs a second layer to come near the others, and with their
    # learning rate its gradient explodes now and then. Trained on outliers and other stroke widths,
    # too, it read 98.9 % of the validation digits instead of 99.2 %.
    Recipe(
        name="rnn",
        cell="rnn",
        hidden_size=192,
        num_layers=2,
        learning_rate=1e-3,
        epochs=57,
        floors={"mnist": 0.985, "digits": 0.90},
        augmentation=Augmentation(elastic=1.0),
        hands=_HANDS,
        row_weight=_ROW_WEIGHT,
        teachers=_TEACHERS,
    ),
    # With the LSTM's 128 units a GRU has a quarter fewer weights, and loses accuracy on digits when
    # it learns outliers, too.
    Recipe(
        name="gru",
        cell="gru",
        hidden_size=160,
        epochs=57,
        floors={"mnist": 0.992, "digits": 0.95},
        augmentation=dataclasses.replace(_UPLOADS, elastic=1.5),
        hands=_HANDS,
        row_weight=_ROW_WEIGHT,
        outliers=_OUTLIERS,
        teachers=_TEACHERS,
    ),
    Recipe(
        name="lstm",
        cell="lstm",
        hidden_size=192,
        epochs=57,
        floors={"mnist": 0.992, "digits": 0.95},
        augmentation=_UPLOADS,
        hands=_HANDS,
        row_weight=_ROW_WEIGHT,
        outliers=_OUTLIERS,
        teachers=_TEACHERS,
    ),
    # It sees the picture from four sides, so it has no answer after a row, and reads most right.
    Recipe(
        name="accurate",
        cell="gru",
        renet=(32, 64),
        dropout=0.1,
        epochs=20,
        floors={"mnist": 0.994, "digits": 0.95},
        augmentation=dataclasses.replace(_UPLOADS, elastic=1.5),
        hands=_HANDS,
        outliers=_OUTLIERS,
    ),
)

RECIPES = MappingProxyType({recipe.name: recipe for recipe in _ALL})


def continued(recipe: Recipe) -> Recipe:
    """The recipe of training on from a model that `recipe` made: few epochs at a low rate.

    They are epochs of the new pictures and of a part of the data set, see `data.more`.
    """
    return dataclasses.replace(
        recipe, epochs=2, learning_rate=1e-3, average_decay=0.995, teachers=()
    )


# scikit-learn's digits have 44 times fewer training images than MNIST: an epoch has only 10 steps.
_EPOCHS_OF_DIGITS = 120


def recipe_for(name: str, dataset: str) -> Recipe:
    """The recipe `name`; for scikit-learn's digits with 120 epochs, and without teachers.

    The published models, which teach, have learned MNIST.
    """
    recipe = RECIPES[name]
    if dataset != "digits":
        return recipe
    return dataclasses.replace(recipe, epochs=_EPOCHS_OF_DIGITS, teachers=())
