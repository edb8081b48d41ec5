"""Data sets as uint8 tensors on a device, their splits, and batches by index."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

DataSetName = Literal["mnist", "qmnist", "digits"]


@dataclass(frozen=True)
class Split:
    """Images (n, 28, 28) uint8, light ink on dark, and their labels (n,) int64 in 0..9."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> "Split":
        """The k images and labels at `index` (k,) int64."""
        return Split(self.images.index_select(0, index), self.labels.index_select(0, index))

    def first(self, count: int | None) -> "Split":
        """The first `count` images and labels, or all of them if it is None."""
        return Split(self.images[:count], self.labels[:count])

    def join(self, other: "Split") -> "Split":
        """These images and labels, followed by those of `other`."""
        return Split(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels in order, `size` at a time; the last batch may be smaller."""
        return zip(self.images.split(size), self.labels.split(size), strict=True)

    def to(self, device: torch.device) -> "Split":
        """The same images and labels on `device`."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class DataSet:
    """A data set: images to train on, to choose the best epoch by, and to test on at the end."""

    name: DataSetName
    train: Split
    validation: Split
    test: Split
    digests: Mapping[str, str]  # file name -> SHA-256 in hex

    def to(self, device: torch.device) -> "DataSet":
        """The same data set on `device`."""
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
        )


def hold_out(labels: Tensor, count: int) -> Tensor:
    """Choose samples to hold out: the same share of every class, evenly over the file's order.

    Uses no random numbers, so the split is the same on every machine and in every version.

    Args:
        labels: (n,) int64.
        count: how many to hold out, from 0 to n.

    Returns:
        (n,) bool, true for a sample that is held out.

    """
    held = torch.zeros(len(labels), dtype=torch.bool)
    members = [(labels == digit).nonzero().flatten() for digit in labels.unique()]
    for indices, share in zip(members, _shares([len(m) for m in members], count), strict=True):
        # The middle of each of `share` stretches of equal length.
        steps = (torch.arange(share) * 2 + 1) * len(indices) // (2 * max(share, 1))
        held[indices[steps]] = True
    return held


def _shares(sizes: list[int], count: int) -> list[int]:
    """Divide `count` in proportion to `sizes`, rounding up where the remainder is largest."""
    exact = [count * size / sum(sizes) for size in sizes]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: shares[i] - exact[i])
    for i in by_remainder[: count - sum(shares)]:
        shares[i] += 1
    return shares


def as_rows(images: Tensor) -> Tensor:
    """Convert images (n, 28, 28) uint8 to what the networks read: float32 in [0, 1]."""
    return images.to(torch.float32) / 255


def shuffled(count: int, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """The indices from 0 to `count - 1` in random order, in batches (b,) int64.

    They are on the device of `generator`; the last batch may be smaller than `batch_size`.
    """
    order = torch.randperm(count, generator=generator, device=generator.device)
    return iter(order.split(batch_size))
