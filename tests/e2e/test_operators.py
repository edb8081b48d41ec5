"""What an operator may switch on: API keys, other origins, a limit of requests under way."""

import concurrent.futures
import io
import json
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.support.published import picture
from tests.support.server import Server, serve

pytestmark = pytest.mark.e2e


def png(side: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture(7)).resize((side, side)).save(file, "PNG")
    return file.getvalue()


def test_keys_and_origins(tmp_path: Path, models_dir: Path) -> None:
    page = "https://page.example"
    settings = {"MODELS_DIR": models_dir, "API_KEYS": "a-key other-key", "CORS_ORIGINS": page}
    with (
        serve(tmp_path, settings) as server,
        httpx.Client(base_url=server.url, timeout=30, headers={"origin": page}) as http,
    ):
        image = {"image": ("seven.png", png(28))}
        refused = http.post("/predict", files=image)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")
        assert refused.headers["access-control-allow-origin"] == page
        for key in ("a-key", "other-key"):
            answer = http.post("/predict", files=image, headers={"authorization": f"Bearer {key}"})
            assert answer.json()["digit"] == 7
        assert http.get("/metrics").status_code == 401
        for probe in ("/readyz", "/v2/health/live", "/v2/health/ready"):
            assert http.get(probe).status_code == 200
        assert http.get("/v2").status_code == 401
        asked = {"access-control-request-method": "POST"}
        assert http.options("/predict", headers=asked).status_code == 200
        stranger = {**asked, "origin": "https://other.example"}
        answer = http.options("/predict", headers=stranger)
        assert "access-control-allow-origin" not in answer.headers
        assert "a-key" not in server.log


def test_no_other_origin_may_ask_unless_it_is_named(http: httpx.Client) -> None:
    image = {"image": ("seven.png", png(28))}
    answer = http.post("/predict", files=image, headers={"origin": "https://page.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_json_lines_name_the_request(tmp_path: Path, models_dir: Path) -> None:
    settings = {
        "MODELS_DIR": models_dir,
        "LOG_FORMAT": "json",
        "ACCESS_LOG": "true",
        "LOG_FORMATS": "mistyped",
    }
    with serve(tmp_path, settings) as server, httpx.Client(base_url=server.url) as http:
        image = {"image": ("seven.png", png(28))}
        mine = http.post("/predict", files=image, headers={"x-request-id": "order-66"})
        assert mine.headers["x-request-id"] == "order-66"
        forged = http.get("/%0aforged", headers={"x-request-id": "two words"})
        assert len(forged.headers["x-request-id"]) == 32
        lines = [json.loads(line) for line in server.log.splitlines()]
    fields = {"time", "level", "logger", "message", "process", "request_id"}
    access = {"method", "path", "status", "seconds"}
    for line in lines:
        assert line.keys() == fields | (access if line["logger"] == "rowreader.access" else set())
    assert any(
        "no setting ROWREADER_LOG_FORMATS; did you mean" in line["message"] for line in lines
    )
    answers = {line["request_id"]: line for line in lines if line["logger"] == "rowreader.access"}
    answer = answers["order-66"]
    assert (answer["method"], answer["path"], answer["status"]) == ("POST", "/predict", 200)
    assert 0 < answer["seconds"] < 60
    assert answer["level"] == "INFO"
    assert answers[forged.headers["x-request-id"]]["path"] == "/\nforged"


def test_no_answer_is_logged_unless_asked_for(server: Server, http: httpx.Client) -> None:
    answer = http.get("/docs.json", headers={"x-request-id": "quiet"})
    assert answer.headers["x-request-id"] == "quiet"
    assert "/docs.json" not in server.log


def test_more_than_may_be_under_way_is_told_at_once_when_to_try_again(
    tmp_path: Path, models_dir: Path
) -> None:
    settings = {"MODELS_DIR": models_dir, "MAX_PENDING": 2, "THREADS": 1}
    images = [("images", ("large.png", png(1000)))] * 20
    with serve(tmp_path, settings) as server, concurrent.futures.ThreadPoolExecutor(12) as pool:

        def ask(_: int) -> httpx.Response:
            return httpx.post(f"{server.url}/predict_batch", files=images, timeout=60)

        answers = list(pool.map(ask, range(12)))
        assert {answer.status_code for answer in answers} == {200, 429}
        for answer in answers:
            if answer.status_code == 429:
                assert answer.headers["retry-after"] == "1"
                assert answer.json()["error"]["code"] == "too_many_requests"
        assert ask(0).status_code == 200
