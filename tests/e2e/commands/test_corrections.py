"""A writer whose digits are misread corrects a hundred of them, and is read from then on."""

from pathlib import Path

import pytest

from tests.support.training.corrections import CORRECTIONS, learn_from_corrections
from tests.support.training.writer import ODD_DIGITS, odd_writer

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.mnist]


def test_the_model_learns_a_writer_and_forgets_nothing(tmp_path: Path) -> None:
    outcome = learn_from_corrections(odd_writer(), tmp_path)
    before, after = outcome.writer
    assert sum(outcome.corrections.values()) == CORRECTIONS
    assert (before[list(ODD_DIGITS)] < 0.6).all()
    assert after.mean() >= 0.97
    assert outcome.mnist[0] - outcome.mnist[1] <= 0.001 + 1e-9
