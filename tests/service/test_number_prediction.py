"""The answer for a number says what was read on which line, and why it is not accepted."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from service.images.numbers.strip import Strip
from service.images.read_number import NumberReading
from service.inference.number import NumberPrediction
from service.inference.transcriber import Character, LineReason, Transcriber, Transcription
from service.number_prediction import number_prediction

SHARES = [1.0] + [0.0] * 9


class _Transcriber:
    name, provider, threshold = "numbers", "CPU", 0.9


def line(text: str, confidence: float = 0.99, reason: LineReason | None = None) -> Transcription:
    """What stands on a line; a `?` is no digit."""
    characters = [
        Character(None if sign == "?" else int(sign), 0.99, SHARES, 8 + 10 * at, 18 + 10 * at)
        for at, sign in enumerate(text)
    ]
    return Transcription(text.replace("?", ""), confidence, reason, characters)


def answer(*lines: Transcription, finding: Any = None) -> NumberPrediction:
    ink = np.zeros((32, 64), np.float32)
    ink[3:29, 8:56] = 1
    strips = [Strip(ink, np.eye(2, 3)) for _ in lines]
    reading = NumberReading(strips, 64, 32, finding)
    return number_prediction(cast(Transcriber, _Transcriber()), reading, lines)


def test_lines_are_divided_by_a_line_feed() -> None:
    found = answer(line("40"), line("711"))
    assert (found.text, found.accepted, found.reason) == ("40\n711", True, None)
    assert [[digit.digit for digit in each.digits] for each in found.lines] == [[4, 0], [7, 1, 1]]
    assert found.lines[0].digits[0].box == [8, 3, 10, 26]


def test_the_confidence_is_that_in_all_lines() -> None:
    found = answer(line("1", 0.92), line("2", 0.95))
    assert found.confidence == pytest.approx(0.92 * 0.95)
    assert (found.accepted, found.reason) == (False, "low_confidence")


@pytest.mark.parametrize(
    ("lines", "reason", "text"),
    [
        ([line("12"), line("?", 0.9, "not_a_number")], "not_a_number", "12"),
        ([line("1?5", 0.9, "separator")], "separator", "15"),
        ([line("1", 0.99, "separator"), line("2?", 0.9, "not_a_number")], "not_a_number", "1\n2"),
        ([line("", 0.9, "blank")], "blank", ""),
        ([line("7"), line("", 0.9, "blank")], None, "7"),
        ([], "blank", ""),
    ],
)
def test_what_says_most_against_a_number_is_the_reason(
    lines: Sequence[Transcription], reason: str | None, text: str
) -> None:
    found = answer(*lines)
    assert (found.reason, found.accepted, found.text) == (reason, reason is None, text)


def test_a_picture_without_lines_says_what_it_is() -> None:
    found = answer(finding="not_a_number")
    assert (found.reason, found.text, found.lines, found.confidence) == ("not_a_number", "", [], 0)
