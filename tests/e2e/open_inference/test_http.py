"""The Open Inference Protocol by plain HTTP: what no client would send, and what all may ask."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from openapi_spec_validator import validate

from tests.support.published import picture, publish
from tests.support.refused import INFER, JSON, TENSOR
from tests.support.server import Server, serve

pytestmark = pytest.mark.e2e

ROWS = np.stack([picture(d) for d in (3, 7)]).astype(np.float32) / np.float32(255)


@pytest.fixture
def http(v2_server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=v2_server.url, timeout=30) as client:
        yield client


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
    # Written with as many digits as an FP32 needs, so read as one.
    logits = np.array(output["data"], np.float32).reshape(output["shape"]).astype(np.float64)
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
