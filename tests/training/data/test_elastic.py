"""Elastic warps: smooth, bounded, each image's own, and the same for the same seed."""

import pytest
import torch

from training.data.augmentation import warp
from training.data.elastic import displacements
from training.recipes.shipped import Augmentation


def elastic(rows: torch.Tensor, strength: float, drawn_by: torch.Generator) -> torch.Tensor:
    settings = Augmentation(rotation=0.0, scale=0.0, shear=0.0, shift=0.0, elastic=strength)
    return warp(rows, settings, drawn_by)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_warp_keeps_shape_range_and_nearly_all_ink() -> None:
    rows = torch.zeros(16, 28, 28)
    rows[:, 8:20, 8:20] = 1
    warped = elastic(rows, 2.0, generator())
    assert warped.shape == (16, 28, 28)
    assert warped.dtype == torch.float32
    assert warped.min() >= 0
    assert warped.max() <= 1
    ink = warped.sum(dim=(1, 2)) / rows.sum(dim=(1, 2))
    assert ink.min() > 0.6
    assert ink.max() < 1.5
    changed = (warped - rows).abs().amax(dim=(1, 2))
    assert (changed > 0.1).sum() >= 12  # but an image that drew a small share may stay as it is


def test_no_strength_changes_nothing() -> None:
    rows = torch.rand(4, 28, 28, generator=generator())
    torch.testing.assert_close(elastic(rows, 0.0, generator()), rows, rtol=0, atol=1e-5)


def test_a_seed_gives_the_same_warps_and_another_one_others() -> None:
    rows = torch.rand(4, 28, 28, generator=generator())
    first = elastic(rows, 2.0, generator(1))
    assert torch.equal(first, elastic(rows, 2.0, generator(1)))
    assert not torch.equal(first, elastic(rows, 2.0, generator(2)))


def test_every_image_has_its_own_warp() -> None:
    same = torch.rand(1, 28, 28, generator=generator()).expand(8, 28, 28)
    warped = elastic(same, 2.0, generator())
    assert len(torch.unique(warped, dim=0)) == 8


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_displacements_are_as_large_as_asked_and_smooth(strength: float) -> None:
    field = displacements(500, 28, strength, generator())  # (500, 28, 28, 2)
    assert field.shape == (500, 28, 28, 2)
    assert 0.9 * strength < field.abs().max() < 4 / 3 * strength
    assert field.mean(dim=(0, 1, 2)).abs().max() < 0.05 * strength
    # Neighbours move alike: a stroke bends and does not break.
    for axis in (1, 2):
        assert field.diff(dim=axis).abs().max() < 0.5 * strength
