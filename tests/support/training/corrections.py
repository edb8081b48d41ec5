"""From wrong answers to a better model: serve, correct, collect, learn, and serve again."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import numpy as np
from numpy.typing import NDArray

import models
from models.manifest import read
from tests.support.project import ROOT
from tests.support.servers.server import serve
from tests.support.training.writer import Writer

CORRECTIONS: Final = 100
HELD_OUT: Final = 500  # pictures of the writer that nobody corrects, 50 of each digit
MODEL: Final = "lstm"

_BATCH = 50  # pictures of a request


@dataclass(frozen=True)
class Outcome:
    """What was read before and after learning; accuracies in [0, 1]."""

    corrections: dict[int, int]  # how many, by digit
    writer: tuple[NDArray[np.float64], NDArray[np.float64]]  # (10,), held-out pictures by digit
    mnist: tuple[float, float]  # the test images


def learn_from_corrections(writer: Writer, folder: Path) -> Outcome:
    """Have the shipped model learn from what `writer` corrects, all of it within `folder`.

    Nothing is drawn twice: what is held out comes from another seed than what is corrected.
    """
    kept, pictures, published = (folder / name for name in ("kept", "pictures", "models"))
    settings = {"DEVICE": "cpu", "MONITOR": kept, "MONITOR_PICTURES": "true", "WORKERS": 2}
    with serve(_made(folder / "before"), settings) as server:
        before = _accuracies(server.url, writer)
        corrections = _correct(server.url, writer)
    _run("training.collect", str(kept), "--out", str(pictures))
    # fmt: off
    _run("training.export", MODEL, "--more", str(pictures), "--models-dir", str(published),
         "--runs-dir", str(folder / "runs"), "--device", "cpu")
    # fmt: on
    with serve(_made(folder / "after"), {"DEVICE": "cpu", "MODELS_DIR": published}) as server:
        after = _accuracies(server.url, writer)
    mnist = [
        read(root / MODEL).metric("test", "accuracy").value
        for root in (Path(models.__file__).parent, published)
    ]
    return Outcome(corrections, (before, after), (mnist[0], mnist[1]))


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _run(module: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=True)


def _correct(url: str, writer: Writer) -> dict[int, int]:
    """Draw digit after digit, and tell the right one wherever another is read."""
    random, told = np.random.default_rng(1), Counter[int]()
    with httpx.Client(base_url=url, timeout=60) as client:
        for digit in _digits():
            image = {"image": writer.draw(digit, random)}
            answer = client.post("/predict", files=image).raise_for_status()
            if answer.json()["digit"] != digit:
                body = {"request_id": answer.headers["X-Request-Id"], "digit": digit}
                client.post("/feedback", json=body).raise_for_status()
                told[digit] += 1
            if told.total() == CORRECTIONS:
                break
    return dict(sorted(told.items()))


def _digits() -> Iterator[int]:
    """The ten digits, again and again; an end is there only in case all are read right."""
    return (number % 10 for number in range(20 * CORRECTIONS))


def _accuracies(url: str, writer: Writer) -> NDArray[np.float64]:
    """How many of each digit of the pictures that are held out are read right, (10,)."""
    random, right = np.random.default_rng(2), np.zeros(10)
    with httpx.Client(base_url=url, timeout=60) as client:
        for _ in range(HELD_OUT // _BATCH):
            digits = [number % 10 for number in range(_BATCH)]
            files = [("images", (f"{d}.png", writer.draw(d, random))) for d in digits]
            answer = client.post("/predict_batch", files=files).raise_for_status()
            for digit, prediction in zip(digits, answer.json(), strict=True):
                right[digit] += prediction["digit"] == digit
    return right / (HELD_OUT / 10)
