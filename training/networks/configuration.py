"""What a network is made of, as validated data; `training.networks.modules.build` makes it.

Five kinds cover every recipe: what differs between two networks of a kind is a field.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from training.recipes.validation import RecipeError, check_choice, check_counts

Cell = Literal["rnn", "gru", "lstm"]
Nonlinearity = Literal["tanh", "relu"]
Readout = Literal["last", "flat"]
Start = Literal["orthogonal", "pytorch", "tensorflow"]

ROWS = COLUMNS = 28
CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """A classifier that reads a digit row by row, from top to bottom.

    Raises:
        RecipeError: a field is outside its range.

    """

    cell: Cell
    hidden_size: int
    num_layers: int = 1
    nonlinearity: Nonlinearity = "tanh"  # of a plain RNN; gated cells have their own
    # What the linear layer sees: the state after the last row, or the states after all 28.
    readout: Readout = "last"
    # How weights begin: `orthogonal` as in `networks.modules.start_orthogonal`; `pytorch` and
    # `tensorflow` as those libraries do by themselves.
    start: Start = "pytorch"
    normalised: bool = False  # whether pixels are brought to mean 0 and deviation 1 first

    def __post_init__(self) -> None:
        check_choice(self, "cell", get_args(Cell))
        check_choice(self, "nonlinearity", get_args(Nonlinearity))
        check_choice(self, "readout", get_args(Readout))
        check_choice(self, "start", get_args(Start))
        check_counts(self, "hidden_size", "num_layers")
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise RecipeError(f"nonlinearity is {self.nonlinearity!r}, but a {self.cell} has tanh")


@dataclass(frozen=True, kw_only=True)
class DenseConfig:
    """Fully connected layers from the 784 pixels to ten logits, a nonlinearity between them."""

    sizes: tuple[int, ...]  # pixels, hidden units, ..., classes
    nonlinearity: Nonlinearity = "relu"

    def __post_init__(self) -> None:
        check_counts(self, "sizes")
        check_choice(self, "nonlinearity", get_args(Nonlinearity))
        if len(self.sizes) < 2 or self.sizes[0] != ROWS * COLUMNS or self.sizes[-1] != CLASSES:
            raise RecipeError(f"sizes is {self.sizes}, expected 784 pixels first, 10 classes last")


@dataclass(frozen=True, kw_only=True)
class ConvolutionalConfig:
    """Convolutions that keep the size, each with ReLU and 2 x 2 maximum pooling; then one layer."""

    channels: tuple[int, ...]  # after each convolution
    kernel_size: int = 5  # pixels, odd

    def __post_init__(self) -> None:
        check_counts(self, "channels", "kernel_size")
        if self.kernel_size % 2 == 0:
            raise RecipeError(f"kernel_size is {self.kernel_size}, expected an odd number")


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """Layers from the pixels to a code, the same sizes back, and a sigmoid at the end."""

    sizes: tuple[int, ...]  # pixels, hidden units, ..., numbers of the code
    nonlinearity: Nonlinearity = "tanh"

    def __post_init__(self) -> None:
        check_counts(self, "sizes")
        check_choice(self, "nonlinearity", get_args(Nonlinearity))
        if len(self.sizes) < 2 or self.sizes[0] != ROWS * COLUMNS:
            raise RecipeError(f"sizes is {self.sizes}, expected 784 pixels first, then the code's")


@dataclass(frozen=True, kw_only=True)
class RegressorConfig:
    """A plain RNN of one layer from a sequence of numbers to another; its state is carried on."""

    hidden_size: int

    def __post_init__(self) -> None:
        check_counts(self, "hidden_size")


Architecture = (
    RecurrentConfig | DenseConfig | ConvolutionalConfig | AutoencoderConfig | RegressorConfig
)
