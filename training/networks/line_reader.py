"""The reader of lines: from a strip of ink to probabilities of characters at each step."""

import copy
from typing import Final, cast

from torch import Tensor, nn

from models.transcription import CLASSES, HEIGHT
from training.networks.configuration import LineReaderConfig

COLUMNS_OF_A_STEP: Final = 2  # of the strip


class LineReader(nn.Module):
    """Convolutions over a strip, recurrent layers along it in both directions, a linear layer."""

    def __init__(self, config: LineReaderConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, height = 1, HEIGHT
        for number, stage in enumerate(config.stages):
            for wider in stage:
                layers += _convolution(channels, wider, kernel=(3, 3), padding=1)
                channels = wider
            # A last column without a neighbour makes a step, too, so that no strip is too narrow.
            layers.append(nn.MaxPool2d((2, 1) if number else (2, 2), ceil_mode=True))
            height //= 2
        layers += _convolution(channels, config.features, kernel=(height, 1), padding=0)
        self.front = nn.Sequential(*layers)
        self.dropout = nn.Dropout(config.dropout)
        kind = nn.LSTM if config.cell == "lstm" else nn.GRU
        self.recurrent = kind(
            config.features,
            config.hidden_size,
            config.num_layers,
            bidirectional=True,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        self.head = nn.Linear(2 * config.hidden_size, CLASSES)

    def forward(self, strips: Tensor) -> Tensor:
        """Map strips (B, 32, W) float32 in [0, 1] to probabilities (B, ceil(W / 2), 13).

        What lies to the right of a strip's ink is part of the strip: strips that share a batch are
        of one width, or those that are narrower have that much more of an empty margin.
        """
        return self.logits(strips).softmax(dim=2)

    def log_probabilities(self, strips: Tensor) -> Tensor:
        """The logarithms of what `forward` gives, for CTC."""
        return self.logits(strips).log_softmax(dim=2)

    def logits(self, strips: Tensor) -> Tensor:
        """Map strips (B, 32, W) to logits (B, ceil(W / 2), 13)."""
        features = self.front(strips.unsqueeze(1)).squeeze(2)  # (B, features, steps)
        states, _ = self.recurrent(self.dropout(features.permute(2, 0, 1)))  # (steps, B, 2 * H)
        logits: Tensor = self.head(self.dropout(states)).transpose(0, 1)  # (B, steps, 13)
        return logits


def fold_norms(network: LineReader) -> LineReader:
    """A reader that computes what `network` does in eval mode, without batch normalisations.

    Each is multiplied into the convolution before it, in float64: so every form of the network
    computes with the same weights, and rounds half as much.
    """
    folded = copy.deepcopy(network)
    layers: list[nn.Module] = []
    for layer in folded.front:
        if isinstance(layer, nn.BatchNorm2d):
            convolution = cast("nn.Conv2d", layers.pop())
            layers.append(nn.utils.fuse_conv_bn_eval(convolution.double(), layer.double()).float())
        else:
            layers.append(layer)
    folded.front = nn.Sequential(*layers)
    return folded


def _convolution(
    before: int, after: int, *, kernel: tuple[int, int], padding: int
) -> list[nn.Module]:
    """A convolution, normalised over the batch so that CTC gets under way, and ReLU."""
    convolution = nn.Conv2d(before, after, kernel, padding=padding, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]
