"""The Open Inference Protocol by plain HTTP: what no client would send, and what all may ask."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from openapi_spec_validator import validate

from tests.e2e.server import Server, serve
from tests.published import picture, publish

pytestmark = pytest.mark.e2e

ROWS = np.stack([picture(d) for d in (3, 7)]).astype(np.float32) / np.float32(255)


@pytest.fixture
def http(v2_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=v2_server.url, timeout=30) as client:
        yield client


INFER = "/v2/models/lstm/infer"
TENSOR = {"name": "rows", "shape": [2, 28, 28], "datatype": "FP32", "data": ROWS.tolist()}
JSON = {"content-type": "application/json"}
LENGTH = "inference-header-content-length"

REFUSED: list[tuple[str, str, int, dict[str, Any]]] = [
    ("POST", INFER, 400, {"content": b"{", "headers": JSON}),
    ("POST", INFER, 400, {"content": b""}),
    ("POST", INFER, 400, {"content": b"{}", "headers": {LENGTH: "3"}}),
    ("POST", INFER, 400, {"content": b"{}", "headers": {LENGTH: "-1"}}),
    ("POST", INFER, 400, {"json": {"inputs": [{**TENSOR, "name": "x"}]}}),
    ("POST", INFER, 400, {"json": {"inputs": [TENSOR], "outputs": [{"name": "x"}]}}),
    ("POST", "/v2/models/vit/infer", 404, {"json": {"inputs": [TENSOR]}}),
    ("POST", "/v2/models/lstm/versions/2/infer", 404, {"json": {"inputs": [TENSOR]}}),
    ("GET", "/v2/models/vit", 404, {}),
    ("GET", "/v2/models/vit/ready", 404, {}),
    ("GET", "/v2/models/lstm/stats", 404, {}),
    ("POST", "/v2/repository/index", 404, {}),
    ("GET", INFER, 405, {}),
    ("POST", "/v2", 405, {}),
    ("POST", "/v2/health/ready", 405, {}),
    ("POST", INFER, 413, {"content": bytes(100_001)}),
    ("POST", INFER, 413, {"content": (bytes(1000) for _ in range(200))}),
    ("POST", INFER, 413, {"json": {"inputs": [{**TENSOR, "shape": [7, 28, 28]}]}}),
    ("POST", INFER, 415, {"data": {"inputs": "x"}}),
    ("POST", INFER, 415, {"content": b"{}", "headers": {"content-encoding": "gzip"}}),
    ("POST", INFER, 415, {"content": b"x", "headers": {"content-type": "application/x-pickle"}}),
    ("POST", INFER, 422, {"json": {}}),
    ("POST", INFER, 422, {"json": {"inputs": []}}),
    ("POST", INFER, 422, {"json": {"inputs": [TENSOR, TENSOR]}}),
    ("POST", INFER, 422, {"json": {"inputs": [{**TENSOR, "datatype": "FP64"}]}}),
    ("POST", INFER, 422, {"json": {"inputs": [{**TENSOR, "shape": [-1, 28, 28]}]}}),
    ("POST", INFER, 422, {"json": {"inputs": [{**TENSOR, "data": [2] * 2 * 28 * 28}]}}),
]


@pytest.mark.parametrize(
    ("method", "path", "status", "request_"),
    REFUSED,
    ids=[f"{i}-{path}-{status}" for i, (_, path, status, _) in enumerate(REFUSED)],
)
def test_every_failure_has_the_protocol_s_form(
    http: httpx.Client, method: str, path: str, status: int, request_: dict[str, Any]
) -> None:
    response = http.request(method, path, **request_)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document.keys() == {"error"}
    assert isinstance(document["error"], str)
    assert not any(word in response.text for word in ("Traceback", ".py", "site-packages"))


def cut_off() -> Iterator[bytes]:
    yield b'{"inputs": '
    raise ConnectionError("gone")


def test_the_log_is_calm_and_the_metrics_are_bounded(v2_server: Server, http: httpx.Client) -> None:
    """Comes after the failures above: not one was an exception, and none left its path behind."""
    for _ in range(3):
        with pytest.raises(ConnectionError, match="gone"):
            http.post(INFER, content=cut_off(), headers=JSON)
    assert http.get("/v2/models/lstm").status_code == 200
    assert "Traceback" not in v2_server.log
    assert "ERROR" not in v2_server.log
    metrics = http.get("/metrics").text
    assert 'endpoint="/v2/models/lstm"' in metrics
    assert "vit" not in metrics


def test_the_answer_is_what_predict_sequences_reads(http: httpx.Client) -> None:
    rows = np.random.default_rng(0).random((3, 28, 28), np.float32)
    shape, values = list(rows.shape), rows.ravel().tolist()
    tensor = {**TENSOR, "shape": shape, "data": values}
    answer = http.post("/v2/models/gru/infer", json={"inputs": [tensor]}).json()
    [output] = answer["outputs"]
    logits = np.array(output["data"]).reshape(output["shape"])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    body = {"sequences": rows.tolist(), "model": "gru"}
    predictions = http.post("/predict_sequences", json=body).json()
    np.testing.assert_allclose(
        powers / powers.sum(axis=1, keepdims=True),
        [prediction["probabilities"] for prediction in predictions],
        rtol=1e-12,
        atol=0,
    )


def test_whole_numbers_are_fine_in_json(http: httpx.Client) -> None:
    tensor = {**TENSOR, "data": ROWS.round().astype(int).tolist()}
    answer = http.post(INFER, content=json.dumps({"inputs": [tensor], "id": "7"})).json()
    assert answer["id"] == "7"
    assert len(answer["outputs"][0]["data"]) == 20


def test_the_routes_are_documented(http: httpx.Client) -> None:
    docs = http.get("/docs.json").json()
    validate(docs)
    assert "/v2/models/{model_name}/versions/{model_version}/infer" in docs["paths"]


def test_models_that_are_not_loaded_are_not_ready(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (publish(models, "lstm") / "model.onnx").write_bytes(b"altered")
    with serve(tmp_path, {"MODELS_DIR": models}, status=503) as server:
        for path in ("/v2/health/ready", "/v2/models/lstm/ready", "/v2/models/lstm"):
            answer = httpx.get(server.url + path, timeout=30)
            assert answer.status_code == 503
            assert "lstm/model.onnx" in answer.json()["error"]
            assert str(tmp_path) not in answer.text
        answer = httpx.post(f"{server.url}{INFER}", json={"inputs": [TENSOR]}, timeout=30)
        assert answer.status_code == 503
        assert httpx.get(f"{server.url}/v2/health/live", timeout=30).json() == {"live": True}
        assert httpx.get(f"{server.url}/v2", timeout=30).status_code == 200
