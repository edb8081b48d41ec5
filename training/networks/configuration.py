"""Configurations of the seven kinds of networks, as validated data.

`training.networks.modules.build` makes the network. Every recipe uses one of these kinds; what
differs between two networks of a kind is a field.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from training.errors import RecipeError
from training.networks.field_checks import check_choice, check_counts, check_range

Cell = Literal["rnn", "gru", "lstm"]
GatedCell = Literal["gru", "lstm"]
Nonlinearity = Literal["tanh", "relu"]
Readout = Literal["last", "flat"]
Start = Literal["orthogonal", "pytorch", "tensorflow"]

ROWS = COLUMNS = 28
CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig:
    """A recurrent classifier that reads a digit row by row, from top to bottom.

    Raises:
        RecipeError: a field is outside its range.

    """

    cell: Cell
    hidden_size: int
    num_layers: int = 1
    nonlinearity: Nonlinearity = "tanh"  # of a plain RNN; an LSTM and a GRU always have tanh
    # What the linear layer reads: the state after the last row, or the states after all 28 rows.
    readout: Readout = "last"
    # How the weights are initialised: `orthogonal` by `networks.modules.start_orthogonal`,
    # `pytorch` and `tensorflow` by the defaults of those libraries.
    start: Start = "pytorch"
    normalised: bool = False  # whether the pixels are first brought to mean 0 and deviation 1

    def __post_init__(self) -> None:
        check_choice(self, "cell", get_args(Cell))
        check_choice(self, "nonlinearity", get_args(Nonlinearity))
        check_choice(self, "readout", get_args(Readout))
        check_choice(self, "start", get_args(Start))
        check_counts(self, "hidden_size", "num_layers")
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise RecipeError(f"nonlinearity is {self.nonlinearity!r}, but a {self.cell} has tanh")


@dataclass(frozen=True, kw_only=True)
class ReNetConfig:
    """A recurrent classifier that sweeps over a map of patches, and over the map it has made.

    ReNet (Visin et al. 2015, arXiv:1505.00393): each stage cuts its map into patches of 2 x 2,
    reads every row of patches in both directions, then every column of what that gave. The result
    is the map of the next stage, which reads larger parts of the picture.

    Raises:
        RecipeError: a field is outside its range.

    """

    cell: GatedCell
    hidden_sizes: tuple[int, ...]  # units of each stage, in each direction; one or two stages
    margin: int = 1  # pixels by which the picture's patches overlap their neighbours on each side
    dropout: float = 0.0  # share of the states after each stage that training sets to 0

    def __post_init__(self) -> None:
        check_choice(self, "cell", get_args(GatedCell))
        check_counts(self, "hidden_sizes")
        # 28 pixels can be halved twice.
        if len(self.hidden_sizes) not in (1, 2):
            raise RecipeError(
                f"hidden_sizes is {self.hidden_sizes}, expected one or two numbers of units"
            )
        check_choice(self, "margin", (0, 1, 2))
        check_range(self, "dropout", 0.0, 0.9)


@dataclass(frozen=True, kw_only=True)
class LineReaderConfig:
    """A recurrent reader of lines: convolutions, layers in both directions, classes for each step.

    It is trained with CTC (Graves et al. 2006), so that a line needs no cuts between its digits.

    Raises:
        RecipeError: a field is outside its range.

    """

    cell: GatedCell
    hidden_size: int  # units of each layer, in each direction
    num_layers: int = 2
    # Channels of the 3 x 3 convolutions before each of three poolings, which halve the height; the
    # first halves the width, too, so that a step is two columns.
    stages: tuple[tuple[int, ...], ...]
    features: int  # numbers that the convolutions give the recurrent layers at each step
    dropout: float = 0.0  # share of the numbers before and between the layers that training drops

    def __post_init__(self) -> None:
        check_choice(self, "cell", get_args(GatedCell))
        check_counts(self, "hidden_size", "num_layers", "features")
        if len(self.stages) != 3 or not all(
            stage and all(isinstance(c, int) and 1 <= c <= 1024 for c in stage)
            for stage in self.stages
        ):
            raise RecipeError(
                f"stages is {self.stages}, expected three tuples of channels in [1, 1024]"
            )
        check_range(self, "dropout", 0.0, 0.9)


@dataclass(frozen=True, kw_only=True)
class DenseConfig:
    """A classifier of fully connected layers with a nonlinearity between them.

    Raises:
        RecipeError: a field is outside its range.

    """

    sizes: tuple[int, ...]  # 784 pixels, hidden units, ..., 10 classes
    nonlinearity: Nonlinearity = "relu"

    def __post_init__(self) -> None:
        check_counts(self, "sizes")
        check_choice(self, "nonlinearity", get_args(Nonlinearity))
        if len(self.sizes) < 2 or self.sizes[0] != ROWS * COLUMNS or self.sizes[-1] != CLASSES:
            raise RecipeError(f"sizes is {self.sizes}, expected 784 pixels first, 10 classes last")


@dataclass(frozen=True, kw_only=True)
class ConvolutionalConfig:
    """A classifier of convolutions, each with ReLU and 2 x 2 max pooling, and one linear layer.

    Raises:
        RecipeError: a field is outside its range.

    """

    channels: tuple[int, ...]  # of each convolution's output
    kernel_size: int = 5  # pixels; odd, so that a convolution keeps the picture's size

    def __post_init__(self) -> None:
        check_counts(self, "channels", "kernel_size")
        if self.kernel_size % 2 == 0:
            raise RecipeError(f"kernel_size is {self.kernel_size}, expected an odd number")


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig:
    """An autoencoder: layers from the pixels to a code, the same sizes back, a sigmoid at the end.

    Raises:
        RecipeError: a field is outside its range.

    """

    sizes: tuple[int, ...]  # 784 pixels, hidden units, ..., numbers of the code
    nonlinearity: Nonlinearity = "tanh"

    def __post_init__(self) -> None:
        check_counts(self, "sizes")
        check_choice(self, "nonlinearity", get_args(Nonlinearity))
        if len(self.sizes) < 2 or self.sizes[0] != ROWS * COLUMNS:
            raise RecipeError(f"sizes is {self.sizes}, expected 784 pixels first, then the code's")


@dataclass(frozen=True, kw_only=True)
class RegressorConfig:
    """A plain RNN of one layer that maps one sequence of numbers to another and carries its state.

    Raises:
        RecipeError: a field is outside its range.

    """

    hidden_size: int

    def __post_init__(self) -> None:
        check_counts(self, "hidden_size")


Architecture = (
    RecurrentConfig
    | ReNetConfig
    | LineReaderConfig
    | DenseConfig
    | ConvolutionalConfig
    | AutoencoderConfig
    | RegressorConfig
)
