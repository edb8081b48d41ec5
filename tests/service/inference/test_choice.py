"""The faster backend is found, for one picture and for many."""

from pathlib import Path

import numpy as np

from models import manifest
from models.arrays import Arrays, Floats
from service.inference.choice import choose
from service.settings import Kind
from tests.support.published import publish


class Working:
    """A backend that multiplies matrices so often: a number of times, and more for each picture."""

    name: Kind = "onnxruntime"
    provider = "Test"

    def __init__(self, each_run: int, each_picture: int) -> None:
        self._each_run, self._each_picture = each_run, each_picture

    def run(self, inputs: Arrays) -> dict[str, Floats]:
        square = np.ones((64, 64), np.float32)
        for _ in range(self._each_run + self._each_picture * len(inputs["rows"])):
            square @ square
        return {}


def test_the_faster_one_is_chosen_for_each_size(tmp_path: Path) -> None:
    described = manifest.read(publish(tmp_path, "lstm"))
    steady, growing, slow = Working(100, 0), Working(0, 30), Working(2000, 0)
    small, large = choose(described, (slow, steady, growing), seconds=0.05)
    assert (small, large) == (growing, steady)


def test_one_that_is_faster_throughout_is_chosen_for_both(tmp_path: Path) -> None:
    described = manifest.read(publish(tmp_path, "lstm"))
    slow, quick = Working(1000, 0), Working(10, 0)
    assert choose(described, (slow, quick), seconds=0.02) == (quick, quick)
