"""`/predict_number` as clients ask it, with the shipped model."""

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.support.metrics import figures
from tests.support.pictures.drawings import write
from tests.support.servers.refused import FORM, SEVEN, files, png
from tests.support.servers.server import KEYS, Server
from tests.support.servers.smoke import NUMBER

pytestmark = pytest.mark.e2e

PATH = "/predict_number"


def ask(http: httpx.Client, pixels: Any, **options: Any) -> Any:
    return http.post(PATH, files=files(png(pixels), field="image"), **options).json()


def test_a_number_is_read_with_a_box_for_each_digit(http: httpx.Client) -> None:
    answer = http.post(PATH, files=NUMBER).json()
    assert answer["text"] == "4071"
    assert (answer["model"], answer["provider"]) == ("numbers", "CPUExecutionProvider")
    [line] = answer["lines"]
    assert [digit["digit"] for digit in line["digits"]] == [4, 0, 7, 1]
    lefts = [digit["box"][0] for digit in line["digits"]]
    assert lefts == sorted(lefts)
    for digit in line["digits"]:
        left, top, width, height = digit["box"]
        assert 0 <= left < left + width <= 150
        assert 0 <= top < top + height <= 60
        assert sum(digit["probabilities"]) == pytest.approx(1)
        assert digit["confidence"] == max(digit["probabilities"])


def test_lines_are_read_from_top_to_bottom(http: httpx.Client) -> None:
    answer = ask(http, write("75", "47", tall=30))
    assert answer["text"] == "75\n47"
    assert [line["text"] for line in answer["lines"]] == ["75", "47"]


def test_one_digit_is_a_number_too(http: httpx.Client) -> None:
    assert ask(http, write("7", tall=50))["text"] == "7"


def test_what_is_no_number_is_refused(http: httpx.Client) -> None:
    blank = ask(http, np.full((90, 90), 240, np.uint8))
    assert (blank["text"], blank["accepted"], blank["reason"]) == ("", False, "blank")
    assert (blank["lines"], blank["confidence"]) == ([], 0)
    many = ask(http, write("7", "5", "7", "5", tall=15))
    assert (many["accepted"], many["reason"]) == (False, "not_a_number")


def test_a_comma_is_never_read_without_a_word(http: httpx.Client) -> None:
    written = write("75", tall=30)
    paper = np.full((70, 110), 255, np.uint8)
    paper[:45, :54] = written
    below, behind = (int(np.nonzero((written < 128).any(axis=axis))[0].max()) for axis in (1, 0))
    for tall in (7, 12):
        pixels = paper.copy()
        pixels[below - 2 : below - 2 + tall, behind + 6 : behind + 9] = 0
        pixels[below - 5 + tall : below - 2 + tall, behind + 4 : behind + 7] = 0
        answer = ask(http, pixels)
        assert (answer["text"], answer["accepted"], answer["reason"]) == ("75", False, "separator")


def test_preview_shows_the_lines_that_the_model_saw(http: httpx.Client) -> None:
    answer = ask(http, write("75", "47", tall=30), params={"preview": "true"})
    with Image.open(io.BytesIO(base64.b64decode(answer["preview"]))) as preview:
        assert preview.height == 64
    assert "preview" not in ask(http, write("7", tall=30))


@pytest.mark.parametrize(
    ("status", "code", "options"),
    [
        (404, "model_not_found", {"files": NUMBER, "data": {"model": "vit"}}),
        (422, "wrong_task", {"files": NUMBER, "data": {"model": "lstm"}}),
        (415, "not_an_image", {"files": files(b"text", field="image")}),
        (415, "not_an_image", {"files": files(SEVEN[:60], field="image")}),
        (
            413,
            "image_too_large",
            {"files": files(png(np.zeros((101, 100), np.uint8)), field="image")},
        ),
        (422, "empty_file", {"files": files(b"", field="image")}),
        (422, "not_a_file", {"files": {"image": (None, "http://127.0.0.1/x.png")}}),
        (422, "missing_field", {"files": {"model": (None, "numbers")}}),
        (422, "unexpected_field", {"files": NUMBER * 2}),
        (422, "unexpected_field", {"files": NUMBER, "params": {"modle": "numbers"}}),
        (422, "wrong_type", {"files": NUMBER, "params": {"preview": "perhaps"}}),
        (415, "unsupported_media_type", {"json": {"image": "x"}}),
        (400, "malformed_request", {"content": b"x", "headers": FORM}),
        (413, "body_too_large", {"files": files(bytes(1_000_000), field="image")}),
    ],
)
def test_errors_are_those_of_predict(
    http: httpx.Client, status: int, code: str, options: dict[str, Any]
) -> None:
    response = http.post(PATH, **options)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


def test_predict_points_to_it(http: httpx.Client) -> None:
    several = http.post("/predict", files=files(png(write("75", tall=30)), field="image")).json()
    assert (several["reason"], several["see"]) == ("several_digits", PATH)
    one = http.post("/predict", files=files(SEVEN, field="image")).json()
    assert one["see"] is None


def test_metrics_count_what_was_read(http: httpx.Client) -> None:
    before = figures(http.get("/metrics").text)
    http.post(PATH, files=NUMBER)
    ask(http, np.full((90, 90), 240, np.uint8))
    after = figures(http.get("/metrics").text)

    def grown(sample: str) -> float:
        return after[sample] - before.get(sample, 0)

    assert grown(f'rowreader_requests_total{{model="numbers",route="{PATH}",status="200"}}') == 2
    for digit in (4, 0, 7, 1):
        assert grown(f'rowreader_predictions_total{{digit="{digit}",model="numbers"}}') == 1
    assert grown('rowreader_rejections_total{model="numbers",reason="blank"}') == 1
    assert grown("rowreader_preprocess_seconds_count") == 2


def test_bentoml_s_client_reads_a_number(client: Any, tmp_path: Path) -> None:
    path = tmp_path / "number.png"
    path.write_bytes(NUMBER[0][1][1])
    answer = client.predict_number(image=path, preview=True)
    assert answer["text"] == "4071"
    assert answer["lines"][0]["digits"][2]["box"]
    assert answer["preview"]


def test_a_service_without_a_reader_of_numbers_says_so(guarded: Server) -> None:
    key = {"authorization": f"Bearer {KEYS[0]}"}
    response = httpx.post(guarded.url + PATH, files=NUMBER, headers=key)
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


def test_it_wants_a_key_as_other_routes_do(guarded: Server) -> None:
    response = httpx.post(guarded.url + PATH, files=NUMBER)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")
