"""Composed lines: right labels at the right places, of the given digits alone, from a seed."""

import cv2
import numpy as np
import pytest
import torch

from models.transcription import (
    INK,
    MARGIN,
    NARROWEST,
    OTHER,
    SEPARATOR,
    THICKEST,
    THINNEST,
    WIDEST,
)
from tests.support.training.samples import digits
from training.data.datasets import Split
from training.data.lines.batches import batches_of_epoch, pack
from training.data.lines.kinds import KINDS, Kind, draw, draw_cells, draw_clean
from training.data.lines.parts import Digits
from training.data.lines.strips import make_strip

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def known() -> Digits:
    return Digits(digits().train)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_every_kind_holds_what_its_kind_says(known: Digits, kind: Kind) -> None:
    for seed in range(6):
        line = draw(known, np.random.default_rng(seed), kind)
        height, width = line.strip.shape
        assert height == 32
        assert line.strip.dtype == np.uint8
        assert NARROWEST <= width <= WIDEST
        assert line.strip.max() > 200
        assert len(line.centres) == len(line.labels)
        assert list(line.centres) == sorted(line.centres)
        found = set(line.labels)
        assert (SEPARATOR in found) == (kind == "marks")
        assert (OTHER in found) == (kind in ("letters", "other"))
        counts = {"single": (1, 1), "long": (7, 12), "other": (1, 1)}
        low, high = counts.get(kind, (2, 12))
        assert low <= len(line.labels) <= high


def test_the_same_seed_gives_the_same_line_and_another_one_another(known: Digits) -> None:
    first, again, other = (draw(known, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.labels == again.labels
    np.testing.assert_array_equal(first.strip, again.strip)
    assert first.strip.shape != other.strip.shape or (first.strip != other.strip).any()


def test_labels_and_centres_are_those_of_the_drawn_digits() -> None:
    """Frames of one height, which are wider for a larger digit, stand for the digits."""
    images = torch.zeros(10, 28, 28, dtype=torch.uint8)
    for digit in range(10):
        images[digit, 4:24, 4 : 10 + 2 * digit] = 255
        images[digit, 7:21, 7 : 7 + 2 * digit] = 0
    frames = Digits(Split(images, torch.arange(10)))
    for seed in range(5):
        line = draw_clean(frames, np.random.default_rng(seed), "apart")
        inked = (line.strip > 60).any(axis=0)
        edges = np.flatnonzero(np.diff(inked.astype(int)))
        lefts, rights = edges[::2] + 1, edges[1::2] + 1
        assert len(lefts) == len(line.labels)
        order = np.argsort(rights - lefts, kind="stable")
        assert [line.labels[i] for i in order] == sorted(line.labels)
        np.testing.assert_allclose((lefts + rights) / 2, line.centres, atol=2)


def test_only_the_given_digits_stand_on_a_line() -> None:
    bars = torch.zeros(10, 28, 28, dtype=torch.uint8)
    bars[:, 4:24, 13:16] = 255  # all that there is to draw
    alike = Digits(Split(bars, torch.arange(10)))
    for seed in range(4):
        strip = draw_clean(alike, np.random.default_rng(seed), "single").strip
        assert (strip > 60).any(axis=0).sum() <= 6


def test_cells_leave_their_print_on_some_lines(known: Digits) -> None:
    inks = [(draw_cells(known, np.random.default_rng(s)).strip > 100).mean() for s in range(12)]
    assert max(inks) > 1.2 * min(inks)


def test_a_strip_has_its_ink_in_its_box_and_strokes_of_usual_width() -> None:
    for thick in (1, 6, 25):
        page = np.zeros((200, 420), np.uint8)
        for x in (60, 140, 330):
            cv2.ellipse(page, (x, 90), (25, 60), 0, 0, 360, 1, thick)
        strip = make_strip(page)
        assert strip is not None
        left, top, width, height = cv2.boundingRect((strip.ink > 60).astype(np.uint8))
        assert (top, height) == ((32 - INK) // 2, INK)
        assert abs(left - MARGIN) <= 1
        assert abs(strip.ink.shape[1] - MARGIN - left - width) <= 1
        ring = (strip.ink[16] > 127)[: strip.column(100)]
        assert 2 * (THINNEST - 1) <= ring.sum() <= 2 * (THICKEST + 1.5)
        assert strip.ink[16, strip.column(140)] == 0  # within the second ring
        assert strip.ink[16, strip.column(113) : strip.column(120)].max() > 127  # its left side


def test_an_empty_page_and_one_that_is_too_long_make_no_strip() -> None:
    assert make_strip(np.zeros((50, 50), np.uint8)) is None
    bar = np.zeros((40, 4000), np.uint8)
    bar[10:20, 5:3990] = 1
    assert make_strip(bar) is None


def test_a_batch_holds_its_lines_and_the_steps_of_their_characters(known: Digits) -> None:
    lines = [draw(known, np.random.default_rng(seed)) for seed in range(4)]
    batch = pack(lines)
    count, height, width = batch.strips.shape
    assert (count, height, width % 2) == (4, 32, 0)
    assert batch.lengths.tolist() == [len(line.labels) for line in lines]
    assert batch.labels.tolist() == [label for line in lines for label in line.labels]
    owners = (batch.steps // (width // 2)).tolist()
    assert owners == [i for i, line in enumerate(lines) for _ in line.labels]
    for row, line in zip(batch.strips, lines, strict=True):
        own = line.strip.shape[1]
        np.testing.assert_array_equal(row[:, :own], line.strip)
        assert not row[:, own:].any()


def test_an_epoch_is_the_same_again_and_the_next_one_is_another(known: Digits) -> None:
    first, again, second = (
        list(batches_of_epoch(known, (0, epoch), 3, 4, CPU)) for epoch in (1, 1, 2)
    )
    assert [len(batch.strips) for batch in first] == [4, 4, 4]
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.strips, other.strips)
        assert torch.equal(one.labels, other.labels)
    assert any(
        one.labels.tolist() != other.labels.tolist()
        for one, other in zip(first, second, strict=True)
    )


def test_an_epoch_is_the_same_however_many_processes_compose_it(
    known: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = []
    for cores in (1, 2, 3):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)))
        epochs.append(list(batches_of_epoch(known, (0, 1), 40, 2, CPU)))
    for alone, one, two in zip(*epochs, strict=True):
        assert torch.equal(alone.strips, one.strips)
        assert torch.equal(alone.strips, two.strips)
        assert alone.labels.tolist() == one.labels.tolist() == two.labels.tolist()
