"""Data sets as uint8 tensors that live on the device, their splits, and batches by index."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

DataSetName = Literal["mnist", "digits"]


class DataError(RuntimeError):
    """The data set cannot be had; the message says what was looked for and what to do."""


@dataclass(frozen=True)
class Split:
    """Images (n, 28, 28) uint8, light ink on dark, and their labels (n,) int64 in 0..9."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> "Split":
        """The images and labels at `index` (k,) int64."""
        return Split(self.images.index_select(0, index), self.labels.index_select(0, index))

    def first(self, count: int | None) -> "Split":
        """The first `count`, or all of them for None."""
        return Split(self.images[:count], self.labels[:count])

    def join(self, other: "Split") -> "Split":
        """These, and behind them the `other` ones."""
        return Split(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels in order, `size` at a time, the last perhaps fewer."""
        return zip(self.images.split(size), self.labels.split(size), strict=True)

    def to(self, device: torch.device) -> "Split":
        """The same split, resident on `device`."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class DataSet:
    """Training, validation (which chooses) and test (looked at once) images of one source."""

    name: DataSetName
    train: Split
    validation: Split
    test: Split
    digests: Mapping[str, str]  # file name -> SHA-256 in hex

    def to(self, device: torch.device) -> "DataSet":
        """The same data, resident on `device`."""
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
        )


def load(name: DataSetName, folder: Path) -> DataSet:
    """Load a data set by name; only `mnist` has files, below `folder`.

    Raises:
        DataError: MNIST is neither in `folder` nor to be downloaded, or its files are damaged.

    """
    # Imported here because each brings a large library that the other does not need.
    if name == "digits":
        from training.data import sklearn_digits

        return sklearn_digits.load()
    from training.data import mnist

    return mnist.load(folder)


def hold_out(labels: Tensor, count: int) -> Tensor:
    """Mark `count` of the samples, the same share of every class, evenly over the file's order.

    Needs no random numbers, so the split is the same on every machine and in every version.

    Args:
        labels: (n,) int64.
        count: how many to hold out, 0 <= count <= n.

    Returns:
        (n,) bool, true for what is held out.

    """
    held = torch.zeros(len(labels), dtype=torch.bool)
    members = [(labels == digit).nonzero().flatten() for digit in labels.unique()]
    for indices, share in zip(members, _shares([len(m) for m in members], count), strict=True):
        # The middle of each of `share` equal stretches.
        steps = (torch.arange(share) * 2 + 1) * len(indices) // (2 * max(share, 1))
        held[indices[steps]] = True
    return held


def _shares(sizes: list[int], count: int) -> list[int]:
    """Split `count` in proportion to `sizes`, the largest remainders rounded up."""
    exact = [count * size / sum(sizes) for size in sizes]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: shares[i] - exact[i])
    for i in by_remainder[: count - sum(shares)]:
        shares[i] += 1
    return shares


def as_rows(images: Tensor) -> Tensor:
    """Images (n, 28, 28) uint8 as the networks read them: float32 in [0, 1]."""
    return images.to(torch.float32) / 255


def shuffled(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """The indices 0..count-1 in random order, in batches (b,) int64 on the generator's device."""
    order = torch.randperm(count, generator=generator, device=generator.device)
    return iter(order.split(batch_size))
