"""From steps to a text: CTC's rules, probabilities that add up, and where each character stands."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.arrays import Floats
from models.transcription import (
    BLANK,
    CLASSES,
    OTHER,
    SEPARATOR,
    Stretch,
    average,
    calibrate,
    decode,
    digit_probabilities,
    place,
    text_log_probability,
    views,
)


def steps(*path: int, sure: float = 8.0) -> Floats:
    """Log-probabilities whose most probable path is `path`."""
    scores = np.zeros((len(path), CLASSES), np.float32)
    scores[np.arange(len(path)), path] = sure
    return torch.from_numpy(scores).log_softmax(1).numpy()


def labels(found: list[Stretch]) -> list[int]:
    return [stretch.label for stretch in found]


def test_repetitions_are_joined_and_then_blanks_left_out() -> None:
    found = decode(steps(BLANK, 4, 4, BLANK, 4, 7, 7, BLANK))
    assert found == [Stretch(4, 1, 3), Stretch(4, 4, 5), Stretch(7, 5, 7)]


def test_what_is_no_digit_counts_once_however_many_letters_it_has() -> None:
    assert labels(decode(steps(OTHER, BLANK, OTHER, BLANK, 3, OTHER))) == [OTHER, 3, OTHER]
    assert labels(decode(steps(SEPARATOR, BLANK, SEPARATOR))) == [SEPARATOR, SEPARATOR]
    assert decode(steps(BLANK, BLANK)) == []


@pytest.mark.parametrize("text", [[], [4], [4, 4], [4, 4, 7], [1, 2, 1, 1, OTHER, 0]])
def test_a_texts_probability_is_ctcs(text: list[int]) -> None:
    random = np.random.default_rng(len(text))
    scores = torch.from_numpy(random.normal(0, 2, (11, CLASSES)).astype(np.float32)).log_softmax(1)
    loss = functional.ctc_loss(
        scores.double().unsqueeze(1),
        torch.tensor([text], dtype=torch.long),
        torch.tensor([11]),
        torch.tensor([len(text)]),
        blank=BLANK,
        reduction="none",
    )
    assert text_log_probability(scores.numpy(), text) == pytest.approx(-loss.item(), rel=1e-6)


def test_the_probabilities_of_all_texts_add_up_to_one() -> None:
    scores = np.log(np.full((3, CLASSES), 1e-12, np.float32))
    scores[:, [1, 2, BLANK]] = np.log([0.5, 0.3, 0.2])
    texts = [text for n in range(4) for text in itertools.product([1, 2], repeat=n)]
    total = sum(np.exp(text_log_probability(scores, list(text))) for text in texts)
    assert total == pytest.approx(1, abs=1e-5)


def test_a_temperature_above_one_makes_less_sure_and_keeps_the_order() -> None:
    sure, unsure = np.log(0.99), np.log(0.6)
    assert calibrate(sure, 1.0) == pytest.approx(0.99)
    assert 0.6 > calibrate(unsure, 2.0) > 0.5
    assert calibrate(sure, 2.0) > calibrate(unsure, 2.0)
    assert 0.99 < calibrate(0.0, 2.0) <= 1.0  # however rounded
    assert calibrate(-800.0, 1.0) == pytest.approx(0)


def test_a_digit_has_ten_probabilities_that_add_up_to_one() -> None:
    log_probabilities = steps(BLANK, 4, 4, BLANK, sure=3.0)
    shares = digit_probabilities(log_probabilities, Stretch(4, 1, 3))
    assert len(shares) == 10
    assert sum(shares) == pytest.approx(1)
    assert np.argmax(shares) == 4


def test_a_character_fills_the_ink_between_its_neighbours() -> None:
    strip = np.zeros((32, 60), np.float32)
    strip[5:28, 8:20] = strip[5:28, 24:26] = strip[5:28, 30:52] = 1
    stretches = [Stretch(0, 6, 7), Stretch(1, 12, 13), Stretch(8, 20, 21)]
    assert place(strip, stretches, 30) == [(8, 20), (24, 26), (30, 52)]


def test_digits_that_touch_are_divided_where_there_is_least_ink() -> None:
    strip = np.zeros((32, 50), np.float32)
    strip[5:28, 8:22] = strip[5:28, 26:42] = 1
    strip[20, 22:26] = 1
    (left, cut), (same, right) = place(strip, [Stretch(3, 7, 8), Stretch(5, 16, 17)], 25)
    assert (left, right) == (8, 42)
    assert 22 <= cut == same <= 26


def test_the_views_of_a_strip_are_slanted_and_lowered_about_its_middle() -> None:
    strip = np.zeros((32, 60), np.float32)
    strip[3:29, 29:31] = 1
    itself, left, right, lower = views(strip)
    np.testing.assert_array_equal(itself, strip)
    for view in (left, right):
        assert view[15:17].sum() == pytest.approx(strip[15:17].sum(), abs=0.3)
        assert view.sum() == pytest.approx(strip.sum(), rel=1e-5)
    columns = np.arange(60)
    tops, bottoms = (
        [float(view[row] @ columns / view[row].sum()) for view in (left, right)] for row in (3, 28)
    )
    assert tops[0] == pytest.approx(29.5 - 1.5, abs=0.1)
    assert bottoms[0] == pytest.approx(29.5 + 1.5, abs=0.1)
    assert (tops[1], bottoms[1]) == pytest.approx((bottoms[0], tops[0]), abs=0.1)
    assert lower.sum() == pytest.approx(0.92 * strip.sum(), rel=0.05)
    assert lower[3].max() < 0.5 < lower[16].max()


def test_views_of_the_narrowest_and_of_inked_edges_lose_no_column() -> None:
    full = np.ones((32, 1), np.float32)
    assert views(full).shape == (4, 32, 1)
    assert np.isfinite(views(full)).all()


def test_an_average_holds_probabilities_that_add_up_to_one() -> None:
    two = np.exp([steps(4, 4, BLANK), steps(4, 9, BLANK)])
    mean = average(two)
    np.testing.assert_allclose(np.exp(mean).sum(1), 1, atol=1e-5)
    assert np.exp(mean[1, 4]) == pytest.approx(np.exp(mean[1, 9]), rel=1e-5)
