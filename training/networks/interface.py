"""The named input and output tensors of a network's published graph."""

from dataclasses import dataclass
from functools import singledispatch

from torch import nn

from models import transcription
from models.manifest import State, Tensor
from training.networks.configuration import CLASSES, COLUMNS, ROWS
from training.networks.line_reader import LineReader
from training.networks.modules import (
    Autoencoder,
    ConvolutionalClassifier,
    Decoder,
    DenseClassifier,
    Encoder,
    ReNetClassifier,
    RowClassifier,
    SequenceRegressor,
)
from training.networks.row_streams import LstmRowStream, RowStream


@dataclass(frozen=True, kw_only=True)
class Interface:
    """Inputs and outputs in the order of the network's `forward`, and which of them carry state."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    states: tuple[State, ...] = ()


_ROWS = Tensor(
    name="rows",
    dtype="float32",
    dims=("batch", ROWS, COLUMNS),
    range=(0.0, 1.0),
    meaning="a digit's rows from top to bottom, light ink on dark",
)
_LOGITS = Tensor(
    name="logits",
    dtype="float32",
    dims=("batch", CLASSES),
    meaning="unnormalised log-probability of each label",
)
_RECONSTRUCTION = Tensor(
    name="reconstruction",
    dtype="float32",
    dims=("batch", ROWS, COLUMNS),
    meaning="the picture that the code stands for, in (0, 1), light ink on dark",
)


@singledispatch
def interface(network: nn.Module) -> Interface:
    """The interface of `network`'s graph.

    Raises:
        TypeError: `network` is not one of `training.networks.modules`.

    """
    raise TypeError(
        f"{type(network).__name__} cannot be published: it is not one of training.networks.modules"
    )


@interface.register(RowClassifier)
@interface.register(ReNetClassifier)
@interface.register(DenseClassifier)
@interface.register(ConvolutionalClassifier)
def _(_network: nn.Module) -> Interface:
    return Interface(inputs=(_ROWS,), outputs=(_LOGITS,))


@interface.register
def _(_network: LineReader) -> Interface:
    strips = Tensor(
        name="strips",
        dtype="float32",
        dims=("batch", transcription.HEIGHT, "width"),
        range=(0.0, 1.0),
        meaning="lines of digits, light ink on dark, the ink 26 pixels high and 8 from either end",
    )
    probabilities = Tensor(
        name="probabilities",
        dtype="float32",
        dims=("batch", "steps", transcription.CLASSES),
        meaning="at each step of two columns: ten digits, a separator, another character, and "
        "CTC's blank",
    )
    return Interface(inputs=(strips,), outputs=(probabilities,))


@interface.register
def _(network: Encoder) -> Interface:
    return Interface(inputs=(_ROWS,), outputs=(_code(network.code_size),))


@interface.register
def _(network: Decoder) -> Interface:
    return Interface(inputs=(_code(network.code_size),), outputs=(_RECONSTRUCTION,))


@interface.register
def _(network: Autoencoder) -> Interface:
    code = _code(network.encoder.code_size)
    return Interface(inputs=(_ROWS,), outputs=(code, _RECONSTRUCTION))


@interface.register
def _(network: SequenceRegressor) -> Interface:
    dims = ("batch", network.recurrent.hidden_size)
    return Interface(
        inputs=(
            _sequence("values", "the sequence that goes in; steps as far apart as in training"),
            _state("state", dims, "zeros at first, then next_state of the call before"),
        ),
        outputs=(
            _sequence("predictions", "one for each value"),
            _state("next_state", dims, "the state after the last step"),
        ),
        states=(State(input="state", output="next_state"),),
    )


@interface.register
def _(network: RowStream) -> Interface:
    return _row_stream(network, "hidden")


@interface.register
def _(network: LstmRowStream) -> Interface:
    return _row_stream(network, "hidden", "cell")


def _row_stream(network: RowStream, *states: str) -> Interface:
    dims = ("batch", network.recurrent.num_layers, network.recurrent.hidden_size)
    rows = Tensor(
        name="rows",
        dtype="float32",
        dims=("batch", "steps", COLUMNS),
        range=(0.0, 1.0),
        meaning="the next rows of a digit, from top to bottom, light ink on dark",
    )
    logits = Tensor(
        name="logits",
        dtype="float32",
        dims=("batch", "steps", CLASSES),
        meaning="unnormalised log-probability of each label after each row",
    )
    return Interface(
        inputs=(
            rows,
            *(
                _state(name, dims, f"zeros at first, then next_{name} of the call before")
                for name in states
            ),
        ),
        outputs=(
            logits,
            *(_state(f"next_{name}", dims, "the state after the last row") for name in states),
        ),
        states=tuple(State(input=name, output=f"next_{name}") for name in states),
    )


def _code(size: int) -> Tensor:
    return Tensor(
        name="code",
        dtype="float32",
        dims=("batch", size),
        meaning="the few numbers that a picture is reduced to, unbounded",
    )


def _sequence(name: str, meaning: str) -> Tensor:
    return Tensor(name=name, dtype="float32", dims=("batch", "steps", 1), meaning=meaning)


def _state(name: str, dims: tuple[str | int, ...], meaning: str) -> Tensor:
    return Tensor(name=name, dtype="float32", dims=dims, meaning=meaning)
