"""Row streams: a row classifier that gives its logits after every row, and takes and gives state.

It has the weights of a `RowClassifier` and computes the same. What the classifier keeps to itself,
the state after a row, is an input and an output, so that a digit can be read while it is written.
"""

import torch
from torch import Tensor, nn

from training.networks.configuration import Architecture, RecurrentConfig
from training.networks.modules import RowClassifier


class RowStream(nn.Module):
    """A `RowClassifier` of plain RNN or GRU layers, row by row."""

    mean: Tensor
    std: Tensor

    def __init__(self, classifier: RowClassifier) -> None:
        """Share the layers of `classifier`, which reads out its last state."""
        super().__init__()
        self.register_buffer("mean", classifier.mean)
        self.register_buffer("std", classifier.std)
        self.recurrent = classifier.recurrent
        self.head = classifier.head

    def forward(self, rows: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Map rows (B, T, 28) and a state (B, layers, H) to logits (B, T, 10) and the next state.

        All are float32, rows in [0, 1]. A digit begins with a state of zeros.
        """
        steps = ((rows - self.mean) / self.std).transpose(0, 1)  # (T, B, 28)
        states, last = self.recurrent(steps, hidden.transpose(0, 1).contiguous())
        logits: Tensor = self.head(states)  # (T, B, 10)
        return logits.transpose(0, 1), last.transpose(0, 1)


class LstmRowStream(RowStream):
    """A `RowClassifier` of LSTM layers, row by row; its state has two parts."""

    def forward(  # type: ignore[override]
        self, rows: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Map rows (B, T, 28) and states (B, layers, H) to logits (B, T, 10) and the next states.

        All are float32, rows in [0, 1]. A digit begins with states of zeros.
        """
        steps = ((rows - self.mean) / self.std).transpose(0, 1)  # (T, B, 28)
        before = (hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous())
        states, (last, last_cell) = self.recurrent(steps, before)
        logits: Tensor = self.head(states)  # (T, B, 10)
        return logits.transpose(0, 1), last.transpose(0, 1), last_cell.transpose(0, 1)


def reads_row_by_row(architecture: Architecture) -> bool:
    """Whether a network of this configuration can tell after each row what it has read so far."""
    return isinstance(architecture, RecurrentConfig) and architecture.readout == "last"


def row_stream(classifier: RowClassifier) -> RowStream:
    """The stream of `classifier`, which shares its weights and mode.

    Raises:
        ValueError: `classifier` reads out all its states at once.

    """
    if classifier.flat:
        raise ValueError("a classifier with a flat readout decides after the last row only")
    kind = LstmRowStream if isinstance(classifier.recurrent, nn.LSTM) else RowStream
    return kind(classifier).train(classifier.training)


def zero_states(stream: RowStream, batch: int) -> tuple[Tensor, ...]:
    """The states of zeros, (batch, layers, H) float32 each, with which `batch` digits begin."""
    layers = stream.recurrent
    zeros = torch.zeros(batch, layers.num_layers, layers.hidden_size, device=stream.mean.device)
    return (zeros,) * (2 if isinstance(stream, LstmRowStream) else 1)
