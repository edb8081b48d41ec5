"""The shipped models of other tasks than classifying, by NVIDIA's Triton client and the routes."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient import http as triton

from models.transcription import average, decode, views
from service.images.read_image import read_image
from tests.support.pictures.strips import written
from tests.support.project import ROOT
from tests.support.servers.server import Server
from tests.support.servers.triton import sent
from training.data.sine_windows import windows

pytestmark = pytest.mark.e2e


@pytest.fixture
def client(shipped: Server) -> Iterator[Any]:
    client = triton.InferenceServerClient(shipped.url.removeprefix("http://"))
    yield client
    client.close()


def test_a_sine_is_followed_by_the_state_that_the_client_hands_on(client: Any) -> None:
    sines, cosines = (part.numpy() for part in windows(0, 20))
    state, errors, forgetful = np.zeros((1, 32), np.float32), [], []
    for sine, cosine in zip(sines, cosines, strict=True):
        values = sent("values", sine[np.newaxis])
        result = client.infer("sine", [values, sent("state", state)])
        alone = client.infer("sine", [values, sent("state", np.zeros((1, 32), np.float32))])
        state = result.as_numpy("next_state")
        errors.append(np.square(result.as_numpy("predictions")[0] - cosine).mean())
        forgetful.append(np.square(alone.as_numpy("predictions")[0] - cosine).mean())
    assert np.mean(errors[1:]) < 0.01
    assert np.mean(forgetful[1:]) > 10 * np.mean(errors[1:])


def test_two_sequences_side_by_side_of_any_length_are_those_apart(client: Any) -> None:
    sines = windows(0, 3)[0].numpy().reshape(1, 30, 1)
    zeros = np.zeros((2, 32), np.float32)
    both = np.concatenate([sines, -sines])
    together = client.infer("sine", [sent("values", both), sent("state", zeros)])
    for index, values in enumerate((sines, -sines)):
        apart = client.infer("sine", [sent("values", values), sent("state", zeros[:1])])
        np.testing.assert_allclose(
            together.as_numpy("predictions")[index], apart.as_numpy("predictions")[0], atol=1e-5
        )


def test_a_picture_is_coded_and_decoded_by_halves_as_by_the_whole(client: Any) -> None:
    seven = (ROOT / "docs" / "seven.png").read_bytes()
    rows = read_image(seven, max_pixels=1_000_000).rows[np.newaxis]
    whole = client.infer("autoencoder", [sent("rows", rows)])
    code = client.infer("autoencoder-encoder", [sent("rows", rows)]).as_numpy("code")
    assert code.shape == (1, 3)
    np.testing.assert_allclose(code, whole.as_numpy("code"), atol=1e-4)
    decoded = client.infer("autoencoder-decoder", [sent("code", code)])
    picture = decoded.as_numpy("reconstruction")
    np.testing.assert_allclose(picture, whole.as_numpy("reconstruction"), atol=1e-4)
    assert 0 <= picture.min() < picture.max() <= 1
    # Three numbers are little, but the ink is where it was.
    assert np.corrcoef(picture.ravel(), rows.ravel())[0, 1] > 0.5


@pytest.mark.parametrize("text", ["7", "1066", "314159265358"])
def test_a_line_of_any_width_is_read(client: Any, text: str) -> None:
    strips = views(written(text))
    result = client.infer("numbers", [sent("strips", strips)])
    found = decode(average(result.as_numpy("probabilities")))
    assert "".join(str(stretch.label) for stretch in found) == text


@pytest.mark.parametrize("width", [1, 2, 33])
def test_a_strip_without_ink_is_an_empty_text_however_narrow(client: Any, width: int) -> None:
    strips = np.zeros((3, 32, width), np.float32)
    result = client.infer("numbers", [sent("strips", strips)]).as_numpy("probabilities")
    assert result.shape == (3, (width + 1) // 2, 13)
    assert decode(result[0]) == []


@pytest.mark.parametrize("model", ["sine", "autoencoder", "autoencoder-encoder", "numbers"])
def test_they_predict_no_digits(shipped: Server, model: str) -> None:
    files = {"image": (ROOT / "docs" / "seven.png").read_bytes()}
    answer = httpx.post(f"{shipped.url}/predict", files=files, data={"model": model})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "wrong_task"
