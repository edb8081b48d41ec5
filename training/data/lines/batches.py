"""Batches of lines: composed anew for every epoch, by processes beside the one that trains.

Lines are sorted by width in bundles, so that those of a batch are about as wide; what is narrower
gets a broader empty margin on the right, which the reader has to read past anyway.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.data.lines.composition import Line
from training.data.lines.kinds import draw
from training.data.lines.parts import Digits
from training.networks.line_reader import COLUMNS_OF_A_STEP
from training.processors import usable_processors

_BATCHES_OF_A_BUNDLE = 16
_MOST_WORKERS = 15


@dataclass(frozen=True)
class LineBatch:
    """Lines that are read together.

    `strips` is (B, 32, W) uint8; `labels` are those of all lines in a row, (n,) int64, `lengths`
    how many are of each line, (B,) int64. `steps` (n,) int64 has the step of each label's middle
    among the B * steps of the batch.
    """

    strips: Tensor
    labels: Tensor
    lengths: Tensor
    steps: Tensor

    def to(self, device: torch.device) -> "LineBatch":
        """The same on `device`, but for the lengths, which CTC reads on the CPU."""
        return LineBatch(
            self.strips.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            self.lengths,
            self.steps.to(device, non_blocking=True),
        )


def pack(lines: Sequence[Line]) -> LineBatch:
    """Make a batch of `lines`."""
    widest = max(line.strip.shape[1] for line in lines)
    widest += -widest % COLUMNS_OF_A_STEP
    strips = np.zeros((len(lines), lines[0].strip.shape[0], widest), np.uint8)
    for row, line in zip(strips, lines, strict=True):
        row[:, : line.strip.shape[1]] = line.strip
    steps = widest // COLUMNS_OF_A_STEP
    places = [
        number * steps + centre // COLUMNS_OF_A_STEP
        for number, line in enumerate(lines)
        for centre in line.centres
    ]
    return LineBatch(
        torch.from_numpy(strips),
        torch.tensor([label for line in lines for label in line.labels]),
        torch.tensor([len(line.labels) for line in lines]),
        torch.tensor(places),
    )


class _Bundles(Dataset[list[LineBatch]]):
    """Bundles of batches, each drawn from a seed of its own, so that any process draws it alike."""

    def __init__(self, digits: Digits, seeds: Sequence[int], batches: int, size: int) -> None:
        self._digits, self._seeds = digits, list(seeds)
        self._batches, self._size = batches, size

    def __len__(self) -> int:
        return math.ceil(self._batches / _BATCHES_OF_A_BUNDLE)

    def __getitem__(self, index: int) -> list[LineBatch]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        random = np.random.default_rng([*self._seeds, index])
        left = self._batches - index * _BATCHES_OF_A_BUNDLE
        batches = min(_BATCHES_OF_A_BUNDLE, left)
        lines = [draw(self._digits, random) for _ in range(batches * self._size)]
        lines.sort(key=lambda line: line.strip.shape[1] + random.integers(12))
        order = random.permutation(batches) * self._size
        return [pack(lines[start : start + self._size]) for start in order.tolist()]


def batches_of_epoch(
    digits: Digits, seeds: Sequence[int], batches: int, size: int, device: torch.device
) -> Iterator[LineBatch]:
    """Compose the lines of one epoch.

    Args:
        digits: those that may stand on them.
        seeds: the same ones give the same lines, however many processes compose them.
        batches: how many.
        size: lines of a batch.
        device: where the batches go.

    """
    bundles = _Bundles(digits, seeds, batches, size)
    # A step takes about as long as composing its lines does, on a GPU far less.
    workers = min(_MOST_WORKERS, usable_processors() - 1)
    loader = DataLoader(bundles, batch_size=None, num_workers=workers)
    for bundle in loader:
        for batch in bundle:
            yield batch.to(device)
