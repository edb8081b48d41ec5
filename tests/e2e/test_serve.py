"""The routes of images and numbers on a real server, by plain HTTP and by BentoML's client."""

import base64
import dataclasses
import io
import json
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from openapi_spec_validator import validate
from PIL import Image

from tests.support.metrics import figures
from tests.support.published import picture
from tests.support.servers.refused import IMAGE, SEVEN, files, png
from tests.support.servers.server import PAGE, SMALL_LIMITS, Server
from tests.support.servers.smoke import ask_every_route
from tests.support.servers.traffic import keep_asking, upload

pytestmark = pytest.mark.e2e


def test_every_route_is_answered(http: httpx.Client) -> None:
    ask_every_route(http)


def test_pages_of_other_origins_may_not_ask_unless_they_are_named(http: httpx.Client) -> None:
    answer = http.post("/predict", files=IMAGE, headers={"origin": PAGE})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_no_answer_is_logged_unless_asked_for(server: Server, http: httpx.Client) -> None:
    answer = http.get("/docs.json", headers={"x-request-id": "quiet"})
    assert answer.headers["x-request-id"] == "quiet"
    assert "/docs.json" not in server.log


class TestPlainHttp:
    @pytest.mark.parametrize(
        ("data", "model", "digit"),
        [({}, "lstm", 7), ({"model": "gru"}, "gru", 8), ({"model": '"rnn"'}, "rnn", 9)],
    )
    def test_predict(
        self, http: httpx.Client, data: dict[str, str], model: str, digit: int
    ) -> None:
        response = http.post("/predict", files=IMAGE, data=data)
        assert response.status_code == 200
        prediction = response.json()
        assert (prediction["model"], prediction["digit"]) == (model, digit)
        assert prediction["provider"] == "CPUExecutionProvider"
        assert len(prediction["probabilities"]) == 10
        assert sum(prediction["probabilities"]) == pytest.approx(1)
        assert prediction["confidence"] == prediction["probabilities"][digit] > 0.99

    def test_predict_batch_keeps_the_order_and_a_bad_image_its_place(
        self, http: httpx.Client
    ) -> None:
        images = files(png(picture(3)), b"no image", png(picture(5)), b"")
        response = http.post("/predict_batch", files=images)
        assert response.status_code == 200
        three, bad, five, empty = response.json()
        assert (three["digit"], five["digit"]) == (3, 5)
        assert (bad["error"]["code"], bad["error"]["status"]) == ("not_an_image", 415)
        assert empty["error"]["code"] == "empty_file"

    def test_predict_sequences(self, http: httpx.Client) -> None:
        body = {"sequences": [(picture(d) / 255).tolist() for d in (1, 2)], "model": "gru"}
        predictions = http.post("/predict_sequences", json=body).json()
        assert [prediction["digit"] for prediction in predictions] == [2, 3]

    @pytest.mark.parametrize("way", ["form", "query"])
    def test_a_preview_is_what_the_model_saw(self, http: httpx.Client, way: str) -> None:
        asked = {"preview": "true"}
        options: Any = {"data": asked} if way == "form" else {"params": asked}
        prediction = http.post("/predict", files=IMAGE, **options).json()
        seen = Image.open(io.BytesIO(base64.b64decode(prediction["preview"])))
        np.testing.assert_array_equal(np.asarray(seen), picture(7))
        images = files(SEVEN, b"no image", png(255 - picture(4)))
        seven, bad, four = http.post("/predict_batch", files=images, **options).json()
        assert seven["preview"] == prediction["preview"]
        assert bad["error"]["code"] == "not_an_image"
        assert four["preview"] != seven["preview"]

    def test_nobody_gets_a_preview_unasked(self, http: httpx.Client) -> None:
        assert "preview" not in http.post("/predict", files=IMAGE).json()

    def test_a_picture_of_nothing_is_not_accepted(self, http: httpx.Client) -> None:
        prediction = http.post("/predict", files=IMAGE).json()
        assert (prediction["accepted"], prediction["reason"]) == (True, None)
        blank = files(png(np.full((90, 90), 240, np.uint8)), field="image")
        prediction = http.post("/predict", files=blank).json()
        assert (prediction["accepted"], prediction["reason"]) == (False, "blank")
        two = np.full((60, 120), 255, np.uint8)
        two[15:45, 25:30] = two[15:45, 85:90] = 0
        prediction = http.post("/predict", files=files(png(two), field="image")).json()
        assert (prediction["accepted"], prediction["reason"]) == (False, "several_digits")
        body = {"sequences": [[[0.0] * 28] * 28]}
        [prediction] = http.post("/predict_sequences", json=body).json()
        assert (prediction["accepted"], prediction["reason"]) == (False, "blank")

    def test_all_routes_agree_on_the_same_picture(self, http: httpx.Client) -> None:
        pixels = np.zeros((28, 28), np.uint8)  # as MNIST's: 20 x 20 in the middle
        pixels[4:24, 4:24] = np.random.default_rng(0).integers(100, 256, (20, 20), np.uint8)
        one = http.post("/predict", files=files(png(pixels), field="image")).json()
        [batch] = http.post("/predict_batch", files=files(png(pixels))).json()
        body = {"sequences": [(pixels / np.float32(255)).tolist()]}
        [numbers] = http.post("/predict_sequences", json=body).json()
        assert one == batch == numbers


class TestBentoClient:
    def test_predict(self, client: Any, tmp_path: Path) -> None:
        path = tmp_path / "seven.png"
        path.write_bytes(SEVEN)
        assert client.predict(image=path)["digit"] == 7
        assert client.predict(image=str(path), model="gru")["model"] == "gru"
        assert client.predict(image=path, model=None)["model"] == "lstm"
        assert client.predict(image=path, preview=True)["preview"]

    def test_predict_batch(self, client: Any, tmp_path: Path) -> None:
        good, bad = tmp_path / "good.png", tmp_path / "bad.png"
        good.write_bytes(SEVEN)
        bad.write_bytes(b"no image")
        first, second, third = client.predict_batch(images=[good, bad, good], model="rnn")
        assert first == third
        assert (first["digit"], first["model"]) == (9, "rnn")
        assert second["error"]["code"] == "not_an_image"

    def test_predict_sequences(self, client: Any) -> None:
        sequences = np.stack([picture(d) for d in range(5)]).astype(np.float32) / np.float32(255)
        predictions = client.predict_sequences(sequences=sequences)
        assert [prediction["digit"] for prediction in predictions] == list(range(5))
        assert client.predict_sequences(sequences=sequences[:1], model="gru")[0]["digit"] == 1

    def test_an_error_shows_the_one_body(self, client: Any, tmp_path: Path) -> None:
        path = tmp_path / "seven.png"
        path.write_bytes(SEVEN)
        with pytest.raises(Exception, match="model_not_found"):
            client.predict(image=path, model="vit")


def test_docs_are_valid_and_show_the_limits(http: httpx.Client) -> None:
    docs = http.get("/docs.json").json()
    validate(docs)
    assert f"{SMALL_LIMITS['MAX_BODY_BYTES']} bytes" in json.dumps(docs)


def test_who_wants_to_choose_a_model_is_told_of_each(http: httpx.Client) -> None:
    listed = http.get("/").json()
    assert listed["default"] == "lstm"
    described = {model.pop("name"): model for model in listed["models"]}
    assert described.keys() == {"lstm", "lstm-rows", "gru", "rnn", "stateful", "numbers"}
    on = {"provider": "CPUExecutionProvider", "test_accuracy": None, "rows": False}
    assert described["gru"] == {"task": "classify", **on}
    assert described["lstm"] == {"task": "classify", **on, "rows": True}
    assert described["stateful"] == {"task": "regress", **on}


def test_requests_that_come_at_once_share_runs_and_a_bad_one_harms_none(
    server: Server, http: httpx.Client
) -> None:
    wanted = [upload(png(picture(i % 10)), i % 10) for i in range(350)]
    bad = dataclasses.replace(upload(b"no image", 0), status=415, right=lambda _: True)
    asks = [ask for i, ask in enumerate(wanted) for ask in ([bad, ask] if i % 7 == 0 else [ask])]

    def shared() -> bool:
        """Whether the model ran less often than it was asked, every answer being right."""
        before = figures(http.get("/metrics").text)
        answers = keep_asking(server.url, iter(asks), connections=32)
        after = figures(http.get("/metrics").text)
        assert len(answers) == len(asks)
        assert all(answer.right for answer in answers)

        def grown(suffix: str) -> float:
            name = f'rowreader_batch_size_{suffix}{{model="lstm"}}'
            return after[name] - before.get(name, 0)

        assert grown("sum") == len(wanted)
        return grown("count") < len(wanted)

    server.poll(shared)


def test_bentoml_s_own_figures_are_kept(http: httpx.Client) -> None:
    def grown(name: str, **labels: str) -> float:
        return sample(http.get("/metrics").text, name, labels) - before[name, *labels.values()]

    asked = {"endpoint": "/predict", "http_response_code": "415"}
    names = [f"bentoml_service_request_{name}" for name in ("total", "duration_seconds_count")]
    text = http.get("/metrics").text
    before = {(name, *asked.values()): sample(text, name, asked) for name in names}
    began = int(time.time())
    http.post("/predict", files=files(b"no image", field="image"))
    assert [grown(name, **asked) for name in names] == [1, 1]
    text = http.get("/metrics").text
    assert sample(text, "bentoml_service_request_in_progress", {"endpoint": "/predict"}) == 0
    assert sample(text, "bentoml_service_last_request_timestamp_seconds", {}) >= began


def sample(text: str, name: str, labels: dict[str, str]) -> float:
    """The sum of all samples of this name that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    lines = [line for line in text.splitlines() if line.partition("{")[0] == name]
    return sum(float(line.split()[-1]) for line in lines if all(w in line for w in wanted))


def test_metrics_show_what_was_asked_and_what_came_of_it(http: httpx.Client) -> None:
    before = figures(http.get("/metrics").text)
    blank = png(np.full((90, 90), 240, np.uint8))
    http.post("/predict_batch", files=files(SEVEN, blank, b"no image"), data={"model": "gru"})
    http.post("/predict", files=files(b"no image", field="image"))
    http.post("/predict_sequences?model=rnn", json={"sequences": [[[0] * 28] * 28]})
    http.post("/v2/models/gru/infer", json={"inputs": []})
    http.get("/made/up")
    after = figures(http.get("/metrics").text)

    def grown(sample: str) -> float:
        return after[sample] - before.get(sample, 0)

    for route, model, status in (
        ("/predict_batch", "gru", 200),
        ("/predict", "lstm", 415),
        ("/predict_sequences", "rnn", 200),
        ("/v2/models/gru/infer", "gru", 422),
        ("none", "none", 404),
    ):
        labels = f'model="{model}",route="{route}",status="{status}"'
        assert grown(f"rowreader_requests_total{{{labels}}}") == 1
    assert not any("/made/up" in name for name in after)
    assert grown('rowreader_predictions_total{digit="8",model="gru"}') >= 1
    assert grown('rowreader_rejections_total{model="gru",reason="blank"}') == 1
    assert grown('rowreader_batch_size_sum{model="gru"}') == 2
    assert grown('rowreader_inference_seconds_count{model="gru"}') == 1
    assert grown("rowreader_preprocess_seconds_count") == 4
    assert grown("rowreader_queue_seconds_count") > 0
    assert after['rowreader_provider_info{model="lstm",provider="CPUExecutionProvider"}'] == 1
