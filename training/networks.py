"""The networks: a digit's rows in [0, 1] in, logits out; normalisation is part of the network."""

from typing import Final

import torch
from torch import Tensor, nn

from training.recipes import Recipe

ROWS = COLUMNS = 28
CLASSES = 10

# Mean and standard deviation of the pixels of MNIST's 60,000 training images, in [0, 1].
PIXEL_MEAN: Final = 0.1307
PIXEL_STD: Final = 0.3081

_CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class RowClassifier(nn.Module):
    """Reads a digit's rows from top to bottom with a recurrent cell; the last state decides."""

    mean: Tensor
    std: Tensor

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN))
        self.register_buffer("std", torch.tensor(PIXEL_STD))
        self.recurrent = _CELLS[recipe.cell](COLUMNS, recipe.hidden_size, recipe.num_layers)
        self.head = nn.Linear(recipe.hidden_size, CLASSES)
        _initialise(self.recurrent)

    def forward(self, rows: Tensor) -> Tensor:
        """Rows (B, 28, 28) float32 in [0, 1] to logits (B, 10) float32."""
        normalised = (rows - self.mean) / self.std
        steps = normalised.transpose(0, 1)  # (B, 28, 28) -> (28 steps, B, 28 columns)
        states, _ = self.recurrent(steps)  # (28, B, hidden)
        logits: Tensor = self.head(states[-1])  # (B, 10)
        return logits


def _initialise(recurrent: nn.RNNBase) -> None:
    """Orthogonal recurrent and Xavier input weights per gate, zero biases, forget gates open.

    Orthogonal matrices keep a gradient's norm over the 28 steps (Saxe et al. 2014,
    arXiv:1312.6120); a forget bias of 1 lets an LSTM remember from the start (Jozefowicz et al.
    2015, "An Empirical Exploration of Recurrent Network Architectures").
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
        if isinstance(recurrent, nn.LSTM) and name.startswith("bias_ih"):
            nn.init.ones_(parameter.detach()[hidden : 2 * hidden])  # gates: input, forget, ...
