"""Digits drawn from pen strokes: in MNIST's form, of every digit, the same for the same seed."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from training.data.drawn import hands, pen_strokes, signs


def test_they_look_like_mnist_from_afar() -> None:
    drawn = hands.draw(200, seed=0)
    assert drawn.images.shape == (200, 28, 28)
    assert drawn.images.dtype == torch.uint8
    assert torch.equal(drawn.labels.bincount(), torch.full((10,), 20))
    ink = drawn.images > 0
    sides = torch.maximum(ink.any(dim=2).sum(dim=1), ink.any(dim=1).sum(dim=1))
    assert sides.max() <= 20  # fitted to 20 x 20 before it was centred by mass
    assert sides.min() >= 18
    mass = drawn.images.double().sum((1, 2))
    for axis in (1, 2):
        centres = (drawn.images.double().sum(3 - axis) @ torch.arange(28.0).double()) / mass
        assert centres.mean() == pytest.approx(14, abs=0.1)
        assert (centres - 14).abs().max() <= 1


def test_a_seed_gives_the_same_digits_and_another_one_others() -> None:
    first = hands.draw(20, seed=1)
    assert torch.equal(first.images, hands.draw(20, seed=1).images)
    assert not torch.equal(first.images, hands.draw(20, seed=2).images)


def test_no_two_are_drawn_alike() -> None:
    drawn = hands.draw(300, seed=0).images
    assert len({image.numpy().tobytes() for image in drawn}) == 300


def test_none_can_be_asked_for() -> None:
    assert hands.draw(0, seed=0).images.shape == (0, 28, 28)


def test_a_line_turns_sharply_at_a_corner_and_nowhere_else() -> None:
    ((cornered,),) = pen_strokes.parse("0,0 50,100 100,0").strokes
    round_line = pen_strokes.smooth(cornered)
    assert sharpest_turn(round_line) < 60
    (two_lines,) = pen_strokes.parse("0,0 50,100 / 100,0").strokes
    angular = np.vstack([pen_strokes.smooth(line)[1:] for line in two_lines])
    assert sharpest_turn(angular) > 120


def test_a_line_runs_through_the_points_of_its_skeleton() -> None:
    ((line,),) = pen_strokes.parse("12,15 40,0 75,8 78,32").strokes
    points = pen_strokes.smooth(line)
    for point in line:
        assert np.hypot(*(points - point).T).min() < 1e-9


def test_a_lifted_pen_draws_nothing_between_two_strokes() -> None:
    ink = pen_strokes.draw(
        pen_strokes.parse("0,0 0,100 ; 100,0 100,100"), np.random.default_rng(0), gaps=0.0
    )
    columns = inked(ink, axis=0)
    assert columns[: columns.size // 2].any()
    assert columns[columns.size // 2 :].any()
    assert not columns[columns.size // 2 - 5 : columns.size // 2 + 5].any()


def test_a_dry_pen_leaves_a_gap() -> None:
    skeleton = pen_strokes.parse("50,0 50,100")
    whole, broken = (
        [pen_strokes.draw(skeleton, np.random.default_rng(seed), gaps=gaps) for seed in range(20)]
        for gaps in (0.0, 1.0)
    )
    assert all(inked(ink, axis=1)[20:-20].all() for ink in whole)
    assert sum(not inked(ink, axis=1)[20:-20].all() for ink in broken) >= 5


@pytest.mark.parametrize("text", ["", "50", "1,2", "1,2 3", "1,2 3,4 /", "1,2 3,4 ; "])
def test_what_is_no_skeleton_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|inhomogeneous|expected points as x,y"):
        pen_strokes.parse(text)


def test_signs_are_of_many_kinds() -> None:
    random = np.random.default_rng(0)
    drawn = [signs.draw(random) for _ in range(50)]
    assert all(ink.any() for ink in drawn)
    assert len({ink.tobytes() for ink in drawn}) == 50


def inked(ink: pen_strokes.Ink, axis: int) -> NDArray[np.bool_]:
    """Which columns (axis 0) or rows (axis 1) have ink."""
    found: NDArray[np.bool_] = np.asarray(ink.max(axis=axis)) > 0
    return found


def sharpest_turn(points: pen_strokes.Points) -> float:
    """The largest angle in degrees between two pieces of a line that follow each other."""
    pieces = np.diff(points, axis=0)
    turns = np.diff(np.unwrap(np.arctan2(pieces[:, 1], pieces[:, 0])))
    return float(np.rad2deg(np.abs(turns).max()))
