"""How long work is thought to take: a guess at first, then what was seen of its kind."""

import pytest

from service.execution.cost import Load, Paces, sized


def test_a_guess_counts_until_something_was_seen() -> None:
    paces = Paces()
    assert paces.expected(Load("png", 0.5)) == 0.5
    for _ in range(100):
        paces.learn(Load("png", 0.5), 0.01)
    assert paces.expected(Load("png", 0.5)) == pytest.approx(0.01, rel=0.01)
    assert paces.expected(Load("jpeg", 0.5)) == 0.5


def test_one_outlier_moves_little_and_a_change_is_followed_soon() -> None:
    paces, load = Paces(), Load("png", 0.01)
    paces.learn(load, 1000)
    assert paces.expected(load) <= 0.02
    for _ in range(20):
        paces.learn(load, 1)
    assert paces.expected(load) > 0.5


def test_sizes_within_four_times_are_alike() -> None:
    small, same, larger = (sized("png", size, 1).kind for size in (140_000, 500_000, 600_000))
    assert small == same != larger
    assert sized("jpeg", 140_000, 1).kind != small
