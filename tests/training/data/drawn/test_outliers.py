"""Pictures of no digit: in MNIST's form, of many kinds, the same for the same seed."""

import pytest
import torch

from tests.support.training.samples import digits
from training.data.drawn import outliers


def test_they_look_like_mnist_from_afar() -> None:
    drawn = outliers.draw(200, digits().train.images, seed=0)
    assert drawn.shape == (200, 28, 28)
    assert drawn.dtype == torch.uint8
    ink = drawn > 0
    heights = ink.any(dim=2).sum(dim=1)
    widths = ink.any(dim=1).sum(dim=1)
    # Fitted to 20 x 20 before it was centred by mass, which may cut nothing off.
    assert torch.maximum(heights, widths).max() <= 20
    assert (torch.maximum(heights, widths) >= 18).double().mean() > 0.9
    mass = drawn.double().sum((1, 2))
    indices = torch.arange(28, dtype=torch.float64)
    for axis in (1, 2):
        centres = (drawn.double().sum(3 - axis) @ indices) / mass
        assert centres.mean() == pytest.approx(14, abs=0.1)


def test_a_seed_gives_the_same_pictures_and_another_one_others() -> None:
    images = digits().train.images
    first = outliers.draw(20, images, seed=1)
    assert torch.equal(first, outliers.draw(20, images, seed=1))
    assert not torch.equal(first, outliers.draw(20, images, seed=2))


def test_none_can_be_asked_for() -> None:
    assert outliers.draw(0, digits().train.images, seed=0).shape == (0, 28, 28)
