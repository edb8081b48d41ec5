"""The requests that servers are asked, repeated without change."""

import io
import json
from dataclasses import dataclass

import numpy as np
from PIL import Image

from service.images.read_image import read_image
from tests.benchmarks.tools.load import Post, upload
from tests.benchmarks.tools.reading_ways import MAX_PIXELS
from tests.benchmarks.tools.servers import (
    BENTOML,
    FASTAPI,
    HELLO,
    LITSERVE,
    MLSERVER,
    OURS,
    OURS_AUTO,
)
from tests.support.project import ROOT

PNG, SEQUENCES, V2 = "PNG 28 x 28", "JSON, 8 sequences", "v2"
JPEG, LARGE_JPEG = "JPEG 640 x 480", "JPEG 4000 x 3000"
BATCHES = (1, 64, 512)
OURS_JSON = f"{OURS}, JSON"
PLAIN_FASTAPI = f"{FASTAPI}, the tutorials' reading"

_TENSOR = {"name": "rows", "datatype": "FP32"}


@dataclass(frozen=True)
class Workload:
    """What is asked of several servers; `images` are answered by each at a time."""

    name: str
    images: int
    asks: dict[str, tuple[str, Post]]  # the server and the request, by what stands in the table
    patience: int = 1  # how many times as long it is asked as others, because answers take longer


def workloads() -> list[Workload]:
    """All of them."""
    readers = (OURS, FASTAPI, LITSERVE, BENTOML)
    png = upload(encode(Image.fromarray(_digit()), "PNG"))
    return [
        Workload(PNG, 1, {name: (name, png) for name in (*readers, HELLO)}),
        _photos(JPEG, (640, 480), readers),
        _photos(LARGE_JPEG, (4000, 3000), (OURS, FASTAPI), patience=2),
        Workload(SEQUENCES, 8, {name: (name, _sequences(8)) for name in readers}),
        *map(_tensors, BATCHES),
    ]


def _photos(
    name: str, size: tuple[int, int], readers: tuple[str, ...], patience: int = 1
) -> Workload:
    """A photo to `readers`, and to FastAPI for it to read as tutorials do."""
    data = encode(photo().resize(size, Image.Resampling.BICUBIC), "JPEG")
    asks = {reader: (reader, upload(data, "image/jpeg")) for reader in readers}
    asks[PLAIN_FASTAPI] = (FASTAPI, upload(data, "image/jpeg", "/predict_plainly"))
    return Workload(name, 1, asks, patience)


def _tensors(batch: int) -> Workload:
    """Bytes to us; MLServer's REST interface knows tensors as JSON only, so we get this too."""
    text = _v2_json(batch)
    asks = {
        OURS: (OURS, _v2_binary(batch)),
        OURS_AUTO: (OURS_AUTO, _v2_binary(batch)),
        OURS_JSON: (OURS, text),
        MLSERVER: (MLSERVER, text),
    }
    return Workload(f"{V2}, batch {batch}", batch, asks, patience=2 if batch > 64 else 1)


def _digit() -> np.ndarray:
    """A seven as MNIST has them, (28, 28) uint8, light on dark."""
    rows = read_image((ROOT / "docs" / "seven.png").read_bytes(), MAX_PIXELS).rows
    return np.asarray(rows * 255).round().astype(np.uint8)


def photo() -> Image.Image:
    """The same seven on 640 x 480 of light, noisy paper."""
    draw = np.random.default_rng(0)
    paper = draw.normal(215, 4, (480, 640))
    ink = Image.fromarray(_digit()).resize((280, 280), Image.Resampling.BICUBIC)
    paper[100:380, 180:460] *= 1 - 0.75 * np.asarray(ink) / 255
    return Image.fromarray(paper.clip(0, 255).astype(np.uint8)).convert("RGB")


def encode(image: Image.Image, form: str) -> bytes:
    """The image as a file of that format."""
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()


def _rows(batch: int) -> np.ndarray:
    """The seven so many times, (n, 28, 28) float32 in [0, 1]."""
    return np.tile(_digit().astype(np.float32) / 255, (batch, 1, 1))


def _sequences(count: int) -> Post:
    body = {"sequences": _readable(_rows(count)).tolist()}
    return Post("/predict_sequences", "application/json", json.dumps(body).encode())


def _v2_json(batch: int) -> Post:
    tensor = {**_TENSOR, "shape": [batch, 28, 28], "data": _readable(_rows(batch)).ravel().tolist()}
    return Post(
        "/v2/models/lstm/infer", "application/json", json.dumps({"inputs": [tensor]}).encode()
    )


def _v2_binary(batch: int) -> Post:
    data = _rows(batch).tobytes()
    tensor = {
        **_TENSOR,
        "shape": [batch, 28, 28],
        "parameters": {"binary_data_size": len(data)},
    }
    output = {"name": "logits", "parameters": {"binary_data": True}}
    head = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    length = ("Inference-Header-Content-Length", str(len(head)))
    return Post("/v2/models/lstm/infer", "application/octet-stream", head + data, (length,))


def _readable(rows: np.ndarray) -> np.ndarray:
    """With four digits after the point, as text has them."""
    return rows.astype(np.float64).round(4)
