"""The Open Inference Protocol by plain HTTP."""

import json

import httpx
import numpy as np
import pytest
from openapi_spec_validator import validate

from tests.support.published import picture
from tests.support.servers.refused import INFER, TENSOR

pytestmark = pytest.mark.e2e

ROWS = np.stack([picture(d) for d in (3, 7)]).astype(np.float32) / np.float32(255)


def test_the_metrics_do_not_grow_with_what_clients_make_up(http: httpx.Client) -> None:
    for path in ("/v2/models/made-up", "/v2/models/made-up/infer", "/v2/models/lstm/made-up"):
        assert http.get(path).status_code in (404, 405)
    assert http.get("/v2/models/lstm").status_code == 200
    metrics = http.get("/metrics").text
    assert 'endpoint="/v2/models/lstm"' in metrics
    assert "made-up" not in metrics


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
