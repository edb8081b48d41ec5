"""The networks: classifiers of digits, an autoencoder with its two halves, a sequence regressor.

The reader of lines has a module of its own, `training.networks.line_reader`. `build` makes
a network from its configuration. All take float32 pixels in [0, 1]; a network that
wants them normalised does it itself.
"""

import math
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn

from training.networks.configuration import (
    CLASSES,
    COLUMNS,
    ROWS,
    Architecture,
    AutoencoderConfig,
    ConvolutionalConfig,
    DenseConfig,
    GatedCell,
    LineReaderConfig,
    Nonlinearity,
    RecurrentConfig,
    RegressorConfig,
    ReNetConfig,
)
from training.networks.line_reader import LineReader

# Mean and standard deviation of the pixels of MNIST's 60,000 training images, in [0, 1].
PIXEL_MEAN: Final = 0.1307
PIXEL_STD: Final = 0.3081

PATCH: Final = 2  # rows and columns of a map that a stage of ReNet joins

_NONLINEARITIES: Final = {"tanh": nn.Tanh, "relu": nn.ReLU}


def build(architecture: Architecture) -> nn.Module:
    """Make the network of this configuration; torch's global generator draws its weights."""
    match architecture:
        case RecurrentConfig():
            return RowClassifier(architecture)
        case ReNetConfig():
            return ReNetClassifier(architecture)
        case LineReaderConfig():
            return LineReader(architecture)
        case DenseConfig():
            return DenseClassifier(architecture)
        case ConvolutionalConfig():
            return ConvolutionalClassifier(architecture)
        case AutoencoderConfig():
            return Autoencoder(architecture)
        case RegressorConfig():
            return SequenceRegressor(architecture)


class RowClassifier(nn.Module):
    """A recurrent layer that reads a digit's rows from top to bottom, and a linear layer."""

    mean: Tensor
    std: Tensor
    flat: Final[bool]

    def __init__(self, config: RecurrentConfig) -> None:
        super().__init__()
        mean, std = (PIXEL_MEAN, PIXEL_STD) if config.normalised else (0.0, 1.0)
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))
        self.recurrent = _recurrent(config)
        self.flat = config.readout == "flat"
        self.head = nn.Linear(config.hidden_size * (ROWS if self.flat else 1), CLASSES)
        if config.start == "orthogonal":
            start_orthogonal(self.recurrent)
        elif config.start == "tensorflow":
            _start_as_tensorflow(self.recurrent, self.head)

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows (B, 28, 28) float32 in [0, 1] to logits (B, 10) float32."""
        normalised = (rows - self.mean) / self.std
        steps = normalised.transpose(0, 1)  # (B, 28, 28) -> (28 steps, B, 28 columns)
        states, _ = self.recurrent(steps)  # (28, B, hidden)
        # (B, 28 * hidden), or (B, hidden)
        readout = states.transpose(0, 1).flatten(1) if self.flat else states[-1]
        logits: Tensor = self.head(readout)  # (B, 10)
        return logits

    def after_each_row(self, rows: Tensor) -> Tensor:
        """Map rows (B, 28, 28) float32 in [0, 1] to the logits after each row, (B, 28, 10).

        The last are those of `forward`. Only for a network that reads out the last state.
        """
        steps = ((rows - self.mean) / self.std).transpose(0, 1)  # (28 steps, B, 28 columns)
        states, _ = self.recurrent(steps)  # (28, B, hidden)
        logits: Tensor = self.head(states).transpose(0, 1)
        return logits


class ReNetClassifier(nn.Module):
    """Stages of sweeps over a map of patches, and a linear layer over the last map."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: ReNetConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN))
        self.register_buffer("std", torch.tensor(PIXEL_STD))
        self.margin = config.margin
        window = PATCH + 2 * config.margin  # pixels along each side of the picture's patches
        side = ROWS // PATCH
        self.windows = nn.Unfold(window, padding=config.margin, stride=PATCH)
        self.grid = nn.Unflatten(2, (side, side))
        first, dropout = config.hidden_sizes[0], config.dropout
        stages: list[nn.Module] = [ReNetStage(config.cell, window**2, first, dropout)]
        for before, hidden in pairwise(config.hidden_sizes):
            features = PATCH**2 * 2 * before
            stages += [Patches(), ReNetStage(config.cell, features, hidden, dropout)]
            side //= PATCH
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(side * side * 2 * config.hidden_sizes[-1], CLASSES)

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows (B, 28, 28) float32 in [0, 1] to logits (B, 10) float32."""
        normalised = ((rows - self.mean) / self.std).unsqueeze(1)  # (B, 1, 28, 28)
        patches = self.grid(self.windows(normalised))  # (B, window * window, 14 rows, 14 columns)
        # (14 columns, B, 14 rows, window * window) -> (rows, B, columns, 2 * hidden)
        states = self.stages(patches.permute(3, 0, 2, 1))
        logits: Tensor = self.head(states.transpose(0, 1).flatten(1))  # (B, ...) -> (B, 10)
        return logits


class ReNetStage(nn.Module):
    """A bidirectional layer along the rows of a map, and one along the columns of its states."""

    def __init__(self, cell: GatedCell, features: int, hidden: int, dropout: float) -> None:
        super().__init__()
        kind = nn.GRU if cell == "gru" else nn.LSTM
        self.across = kind(features, hidden, bidirectional=True)
        self.down = kind(2 * hidden, hidden, bidirectional=True)
        self.dropout = nn.Dropout(dropout)
        start_orthogonal(self.across)
        start_orthogonal(self.down)

    def forward(self, steps: Tensor) -> Tensor:
        """Map a map (columns, B, rows, features) to (rows, B, columns, 2 * hidden), float32.

        A position's states know all of the map: forwards and backwards along its column, of states
        that each know their row.
        """
        columns, batch, rows, _ = steps.shape
        # All rows of all images are one batch of sequences.
        across, _ = self.across(steps.flatten(1, 2))  # (columns, B * rows, 2 * hidden)
        turned = across.unflatten(1, [batch, rows]).transpose(0, 2)  # (rows, B, columns, ...)
        down, _ = self.down(turned.flatten(1, 2))  # (rows, B * columns, 2 * hidden)
        states: Tensor = self.dropout(down).unflatten(1, [batch, columns])
        return states


class Patches(nn.Module):
    """Joins neighbouring states into patches of 2 x 2, each of which is one step of a sweep."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = nn.Unflatten(2, (-1, PATCH))
        self.rows = nn.Unflatten(0, (-1, PATCH))

    def forward(self, states: Tensor) -> Tensor:
        """Map states (rows, B, columns, n) to a map (columns / 2, B, rows / 2, 4 * n)."""
        # (rows / 2, 2, B, columns / 2, 2, n)
        pairs: Tensor = self.rows(self.columns(states))
        return pairs.permute(3, 2, 0, 1, 4, 5).flatten(3)


class DenseClassifier(nn.Module):
    """Fully connected layers over all pixels."""

    def __init__(self, config: DenseConfig) -> None:
        super().__init__()
        self.layers = _dense(config.sizes, config.nonlinearity)

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows (B, 28, 28) float32 in [0, 1] to logits (B, 10) float32."""
        logits: Tensor = self.layers(rows.flatten(1))  # (B, 784) -> (B, 10)
        return logits


class ConvolutionalClassifier(nn.Module):
    """Convolutions and pooling over the picture, and one linear layer."""

    def __init__(self, config: ConvolutionalConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise((1, *config.channels)):
            padding = config.kernel_size // 2
            layers += [nn.Conv2d(before, after, config.kernel_size, padding=padding)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        side = ROWS // 2 ** len(config.channels)
        self.head = nn.Linear(config.channels[-1] * side * side, CLASSES)

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows (B, 28, 28) float32 in [0, 1] to logits (B, 10) float32."""
        maps = self.features(rows.unsqueeze(1))  # (B, 1, 28, 28) -> (B, channels, side, side)
        logits: Tensor = self.head(maps.flatten(1))
        return logits


class Encoder(nn.Module):
    """The first half of an autoencoder: from a picture to its code."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.layers = _dense(config.sizes, config.nonlinearity)
        self.code_size = config.sizes[-1]

    def forward(self, rows: Tensor) -> Tensor:
        """Map rows (B, 28, 28) float32 in [0, 1] to codes (B, k) float32, unbounded."""
        code: Tensor = self.layers(rows.flatten(1))
        return code


class Decoder(nn.Module):
    """The second half of an autoencoder: from a code to its picture."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.layers = _dense(config.sizes[::-1], config.nonlinearity)
        self.shape = [ROWS, COLUMNS]
        self.code_size = config.sizes[-1]

    def forward(self, code: Tensor) -> Tensor:
        """Map codes (B, k) float32 to reconstructions (B, 28, 28) float32 in (0, 1)."""
        pixels = self.layers(code).sigmoid()  # (B, 784)
        reconstruction: Tensor = pixels.unflatten(1, self.shape)
        return reconstruction


class Autoencoder(nn.Module):
    """An encoder and a decoder in a row."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Map rows (B, 28, 28) float32 in [0, 1] to codes (B, k) and pictures (B, 28, 28)."""
        code = self.encoder(rows)
        return code, self.decoder(code)


class SequenceRegressor(nn.Module):
    """A plain RNN with a linear layer on each of its states."""

    def __init__(self, config: RegressorConfig) -> None:
        super().__init__()
        self.recurrent = nn.RNN(1, config.hidden_size)
        self.head = nn.Linear(config.hidden_size, 1)

    def forward(self, values: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Map values (B, T, 1) and a state (B, hidden) to predictions (B, T, 1) and the next state.

        All are float32. A sequence begins with a state of zeros.
        """
        steps = values.transpose(0, 1)  # (T, B, 1)
        states, last = self.recurrent(steps, state.unsqueeze(0))  # (T, B, hidden), (1, B, hidden)
        predictions: Tensor = self.head(states)  # (T, B, 1)
        return predictions.transpose(0, 1), last.squeeze(0)


def start_orthogonal(recurrent: nn.RNNBase) -> None:
    """Initialise each gate: orthogonal recurrent and Xavier input weights, constant biases.

    Orthogonal matrices keep a gradient's norm over the 28 steps (Saxe et al. 2014,
    arXiv:1312.6120). Biases are 0, but 1 for an LSTM's forget gate, so that it remembers from the
    first step on (Jozefowicz et al. 2015, "An Empirical Exploration of Recurrent Network
    Architectures").
    """
    hidden = recurrent.hidden_size
    for name, parameter in recurrent.named_parameters():
        for gate in parameter.detach().split(hidden):  # views of (hidden, ...) each
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(gate)
            elif name.startswith("weight_ih"):
                nn.init.xavier_uniform_(gate)
            else:
                nn.init.zeros_(gate)
    _open_forget_gates(recurrent)


def _start_as_tensorflow(recurrent: nn.RNNBase, head: nn.Linear) -> None:
    """Initialise as TensorFlow 1's `LSTMCell` and `dense` do.

    Each layer has one Glorot-uniform matrix (Glorot and Bengio 2010) from its input and state
    together to all its gates, biases of 0, and forget biases of 1.
    """
    for layer in recurrent.all_weights:
        from_input, from_state = layer[0], layer[1]  # (gates * hidden, ...)
        fan_in = from_input.shape[1] + from_state.shape[1]
        limit = math.sqrt(6 / (fan_in + from_input.shape[0]))
        for weight in (from_input, from_state):
            nn.init.uniform_(weight, -limit, limit)
        for bias in layer[2:]:
            nn.init.zeros_(bias)
    _open_forget_gates(recurrent)
    nn.init.xavier_uniform_(head.weight)
    nn.init.zeros_(head.bias)


def _open_forget_gates(recurrent: nn.RNNBase) -> None:
    """Set the forget biases of an LSTM to 1; other cells have no forget gate."""
    if isinstance(recurrent, nn.LSTM):
        hidden = recurrent.hidden_size
        for name, parameter in recurrent.named_parameters():
            if name.startswith("bias_ih"):
                nn.init.ones_(parameter.detach()[hidden : 2 * hidden])  # gates: input, forget, ...


def _recurrent(config: RecurrentConfig) -> nn.RNNBase:
    if config.cell == "rnn":
        return nn.RNN(
            COLUMNS, config.hidden_size, config.num_layers, nonlinearity=config.nonlinearity
        )
    cell = nn.GRU if config.cell == "gru" else nn.LSTM
    return cell(COLUMNS, config.hidden_size, config.num_layers)


def _dense(sizes: tuple[int, ...], nonlinearity: Nonlinearity) -> nn.Sequential:
    """Linear layers of these sizes with the nonlinearity between them, but not after the last."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), _NONLINEARITIES[nonlinearity]()]
    return nn.Sequential(*layers[:-1])
