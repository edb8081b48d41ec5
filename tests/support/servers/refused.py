"""Requests that are refused: by which route, with which status and code."""

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from tests.support.published import picture

Refused = tuple[str, str, int, str, dict[str, Any]]  # method, path, status, code, options of httpx


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def files(*contents: bytes, field: str = "images") -> list[tuple[str, tuple[str, bytes]]]:
    return [(field, (f"{i}.png", content)) for i, content in enumerate(contents)]


def stream(megabytes: int) -> Iterator[bytes]:
    """A body whose length is not told beforehand; it can be sent once."""
    return (b"x" * 100_000 for _ in range(10 * megabytes))


SEVEN = png(picture(7))
IMAGE = files(SEVEN, field="image")
ROWS = (picture(7) / 255).tolist()
JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}

INFER = "/v2/models/lstm/infer"
TENSOR: dict[str, Any] = {
    "name": "rows",
    "shape": [2, 28, 28],
    "datatype": "FP32",
    "data": [ROWS, ROWS],
}
NOT_A_NUMBER = json.dumps({"inputs": [{**TENSOR, "data": [float("nan")]}]})
LENGTH = "inference-header-content-length"

# By a server of `lstm`, `gru` and `rnn`, a `stateful` model of another task, and small limits.
REFUSED: list[Refused] = [
    ("POST", "/predict", 404, "model_not_found", {"files": IMAGE, "data": {"model": "vit"}}),
    ("POST", "/predict", 404, "model_not_found",
     {"files": IMAGE, "data": {"model": "\U0001f600"}}),
    ("POST", "/predict", 415, "not_an_image", {"files": files(b"text", field="image")}),
    ("POST", "/predict", 415, "not_an_image", {"files": files(SEVEN[:60], field="image")}),
    ("POST", "/predict", 413, "image_too_large",
     {"files": files(png(np.zeros((101, 100), np.uint8)), field="image")}),
    ("POST", "/predict", 422, "empty_file", {"files": files(b"", field="image")}),
    ("POST", "/predict", 422, "not_a_file", {"files": {"image": (None, "http://127.0.0.1/x.png")}}),
    ("POST", "/predict", 422, "missing_field", {"files": {"model": (None, "gru")}}),
    ("POST", "/predict", 422, "unexpected_field", {"files": files(SEVEN)}),
    ("POST", "/predict", 422, "unexpected_field", {"files": IMAGE * 2}),
    ("POST", "/predict?modle=gru", 422, "unexpected_field", {"files": IMAGE}),
    ("POST", "/predict_batch?modle=gru", 422, "unexpected_field", {"files": files(SEVEN)}),
    ("POST", "/predict", 415, "unsupported_media_type",
     {"files": {"image": ("7.pdf", SEVEN, "application/pdf")}}),
    ("POST", "/predict", 415, "unsupported_media_type", {"content": SEVEN}),
    ("POST", "/predict", 415, "unsupported_media_type", {"data": {"image": "http://127.0.0.1/x"}}),
    ("POST", "/predict", 415, "unsupported_media_type", {"json": {"image": "http://127.0.0.1/x"}}),
    ("POST", "/predict", 415, "unsupported_media_type",
     {"content": b"x", "headers": {"content-type": "application/vnd.bentoml+pickle"}}),
    ("POST", "/predict", 415, "unsupported_media_type",
     {"content": b"x", "headers": {"content-type": b"multipart/form-data; boundary=\xff"}}),
    ("POST", "/predict", 400, "malformed_request", {"content": b"x", "headers": FORM}),
    ("POST", "/predict", 413, "body_too_large", {"files": files(bytes(1_000_000), field="image")}),
    ("POST", "/predict", 413, "body_too_large", {"files": files(bytes(50_000_000), field="image")}),
    ("POST", "/predict_batch", 413, "batch_too_large", {"files": files(*[SEVEN] * 6)}),
    ("POST", "/predict_batch", 413, "batch_too_large", {"files": files(*[SEVEN] * 60)}),
    ("POST", "/predict_batch", 413, "batch_too_large",
     {"files": files(*[png(np.zeros((100, 99), np.uint8))] * 3)}),
    ("POST", "/predict_batch", 422, "missing_field", {"files": {"model": (None, "gru")}}),
    ("POST", "/predict_batch", 404, "model_not_found",
     {"files": files(SEVEN), "data": {"model": "vit"}}),
    ("POST", "/predict_sequences", 400, "invalid_json", {"content": b"{", "headers": JSON}),
    ("POST", "/predict_sequences", 400, "invalid_json", {"content": b"", "headers": JSON}),
    ("POST", "/predict_sequences", 404, "model_not_found",
     {"json": {"sequences": [ROWS], "model": "vit"}}),
    ("POST", "/predict_sequences", 413, "batch_too_large", {"json": {"sequences": [ROWS] * 6}}),
    ("POST", "/predict_sequences", 413, "body_too_large", {"content": stream(30), "headers": JSON}),
    ("POST", "/predict_sequences", 415, "unsupported_media_type", {"content": b"{}"}),
    ("POST", "/predict_sequences", 415, "unsupported_media_type",
     {"content": b"{}", "headers": {**JSON, "content-encoding": "gzip"}}),
    ("POST", "/predict_sequences", 422, "empty_batch", {"json": {"sequences": []}}),
    ("POST", "/predict_sequences", 422, "missing_field", {"json": {}}),
    ("POST", "/predict_sequences", 422, "unexpected_field", {"json": {"images": []}}),
    ("POST", "/predict_sequences?preview=true", 422, "unexpected_field",
     {"json": {"sequences": [ROWS]}}),
    ("POST", "/predict_sequences?model=vit", 404, "model_not_found",
     {"json": {"sequences": [ROWS]}}),
    ("POST", "/predict_sequences", 422, "wrong_type", {"json": [ROWS]}),
    ("POST", "/predict_sequences", 422, "wrong_shape", {"json": {"sequences": ROWS}}),
    ("POST", "/predict_sequences", 422, "wrong_shape", {"json": {"sequences": [ROWS[1:]]}}),
    ("POST", "/predict_sequences", 422, "not_finite",
     {"content": json.dumps({"sequences": [[[float("nan")] * 28] * 28]}), "headers": JSON}),
    ("POST", "/predict_sequences", 422, "out_of_range",
     {"json": {"sequences": [picture(7).tolist()]}}),
    ("POST", "/nowhere", 404, "not_found", {}),
    ("GET", "/", 431, "head_too_large", {"headers": {"x": "x" * 50_000}}),
    ("GET", "/nowhere/../../etc/passwd", 404, "not_found", {}),
    ("GET", "/predict", 405, "method_not_allowed", {}),
    ("DELETE", "/readyz", 405, "method_not_allowed", {}),
    ("POST", "/docs.json", 405, "method_not_allowed", {}),
    ("POST", "/predict", 422, "wrong_task", {"files": IMAGE, "data": {"model": "stateful"}}),
    ("POST", "/predict_sequences", 422, "wrong_task",
     {"json": {"sequences": [ROWS], "model": "stateful"}}),

    ("POST", INFER, 400, "invalid_json", {"content": b"{", "headers": JSON}),
    ("POST", INFER, 400, "invalid_json", {"content": b""}),
    ("POST", INFER, 400, "malformed_request", {"content": b"{}", "headers": {LENGTH: "3"}}),
    ("POST", INFER, 400, "malformed_request", {"content": b"{}", "headers": {LENGTH: "-1"}}),
    ("POST", INFER, 400, "unknown_tensor", {"json": {"inputs": [{**TENSOR, "name": "x"}]}}),
    ("POST", INFER, 400, "unknown_tensor",
     {"json": {"inputs": [TENSOR], "outputs": [{"name": "x"}]}}),
    ("POST", "/v2/models/vit/infer", 404, "model_not_found", {"json": {"inputs": [TENSOR]}}),
    ("POST", "/v2/models/lstm/versions/2/infer", 404, "model_not_found",
     {"json": {"inputs": [TENSOR]}}),
    ("GET", "/v2/models/vit", 404, "model_not_found", {}),
    ("GET", "/v2/models/vit/ready", 404, "model_not_found", {}),
    ("GET", "/v2/models/lstm/stats", 404, "not_found", {}),
    ("GET", "/v2/nowhere", 431, "head_too_large", {"headers": {"x": "x" * 50_000}}),
    ("POST", "/v2/repository/index", 404, "not_found", {}),
    ("GET", INFER, 405, "method_not_allowed", {}),
    ("POST", "/v2", 405, "method_not_allowed", {}),
    ("POST", "/v2/health/ready", 405, "method_not_allowed", {}),
    ("POST", INFER, 413, "body_too_large", {"content": bytes(1_000_001)}),
    ("POST", INFER, 413, "body_too_large", {"content": stream(2)}),
    ("POST", INFER, 413, "batch_too_large",
     {"json": {"inputs": [{**TENSOR, "shape": [7, 28, 28]}]}}),
    ("POST", INFER, 415, "unsupported_media_type", {"data": {"inputs": "x"}}),
    ("POST", INFER, 415, "unsupported_media_type",
     {"content": b"{}", "headers": {"content-encoding": "gzip"}}),
    ("POST", INFER, 415, "unsupported_media_type",
     {"content": b"x", "headers": {"content-type": "application/x-pickle"}}),
    ("POST", INFER, 422, "missing_field", {"json": {}}),
    ("POST", INFER, 422, "missing_field", {"json": {"inputs": []}}),
    ("POST", INFER, 422, "unexpected_field", {"json": {"inputs": [TENSOR, TENSOR]}}),
    ("POST", INFER, 422, "wrong_type", {"json": {"inputs": [{**TENSOR, "datatype": "FP64"}]}}),
    ("POST", INFER, 422, "wrong_shape", {"json": {"inputs": [{**TENSOR, "shape": [-1, 28, 28]}]}}),
    ("POST", INFER, 422, "out_of_range",
     {"json": {"inputs": [{**TENSOR, "data": [2] * 2 * 28 * 28}]}}),
    ("POST", INFER, 422, "not_finite", {"content": NOT_A_NUMBER}),
    ("POST", INFER, 422, "empty_batch", {"json": {"inputs": [{**TENSOR, "shape": [0, 28, 28]}]}}),
]  # fmt: skip
