"""What a line says that is kept: a prediction, or what was right instead.

{"time": "2026-11-26T10:24:18.123456+00:00", "request_id": "3f...", "index": 0, "model": "lstm",
 "digest": "e1...", "digit": 1, "confidence": 0.93, "accepted": true, "reason": null,
 "format": "PNG", "bytes": 312, "pixels": "AAAA..."}
{"time": "...", "request_id": "3f...", "index": 0, "told": 7}
"""

import base64
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from service.images.read_image import SIDE
from service.monitoring.segments import find_segments, read_segment


class KeptPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """One prediction."""

    time: str  # of the answer, in UTC, by ISO 8601
    request_id: str  # the `X-Request-Id` of the answer
    index: int  # the picture's place in the request, from 0
    model: str
    digest: str  # SHA-256 of the model's first file, the ONNX one
    digit: int
    confidence: float
    accepted: bool
    reason: str | None
    format: str | None  # of the file; None where no file was sent
    bytes: int | None  # of the file
    pixels: str | None = None  # the 28 x 28 bytes that the model saw, row by row, in base64


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """What was right, as somebody has told."""

    time: str
    request_id: str
    index: int
    told: int | None  # None: it shows no digit


Record = KeptPrediction | Correction

_PREDICTION = msgspec.json.Decoder(KeptPrediction)
_CORRECTION = msgspec.json.Decoder(Correction)


@dataclass(frozen=True)
class Records:
    """Predictions and corrections, each in the order of their times."""

    predictions: list[KeptPrediction]
    corrections: list[Correction]


def encode_pixels(rows: Floats) -> str:
    """The pixels of `rows`, (28, 28) in [0, 1], as text: in a tenth of a PNG's time."""
    return base64.b64encode(np.rint(rows * 255).astype(np.uint8).tobytes()).decode("ascii")


def decode_pixels(text: str) -> NDArray[np.uint8]:
    """The pixels that are kept as `text`, (28, 28), light ink on dark.

    Raises:
        ValueError: it is not of so many bytes.

    """
    return np.frombuffer(base64.b64decode(text, validate=True), np.uint8).reshape(SIDE, SIDE)


def read_records(folder: Path) -> Records:
    """Everything that is kept in `folder`.

    Raises:
        OSError: it may not be read.

    """
    return _read(line for block in _blocks(folder) for line in block.splitlines())


def find_records(folder: Path, request_id: str) -> Records:
    """What is kept in `folder` of one request, by whichever process answered it.

    Everything is searched, in about 0.1 s for 64 MiB.

    Raises:
        OSError: it may not be read.

    """
    wanted = b'"request_id":' + msgspec.json.encode(request_id)
    lines: list[bytes] = []
    for block in _blocks(folder):
        at = block.find(wanted)
        while at >= 0:
            end = block.find(b"\n", at)
            end = len(block) if end < 0 else end
            lines.append(block[block.rfind(b"\n", 0, at) + 1 : end])
            at = block.find(wanted, end)
    return _read(lines)


def _blocks(folder: Path) -> Iterator[bytes]:
    return (block for path in find_segments(folder) for block in read_segment(path))


def _read(lines: Iterable[bytes]) -> Records:
    """The records that `lines` hold; the header is none, nor is a line that a kill cut off."""
    predictions, corrections = [], []
    for line in lines:
        with contextlib.suppress(ValueError):
            if b'"told":' in line:
                corrections.append(_CORRECTION.decode(line))
            else:
                predictions.append(_PREDICTION.decode(line))
    return Records(
        sorted(predictions, key=lambda record: record.time),
        sorted(corrections, key=lambda record: record.time),
    )
