"""Memory: what requests of every kind take, good and bad, is given back."""

import contextlib
import io
import itertools
import json
from collections.abc import Iterator

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from tests.support.published import picture, publish
from tests.support.servers.server import Server, serve
from tests.support.servers.traffic import Ask, keep_asking, upload

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FORM = "multipart/form-data; boundary=form"
JSON = "application/json"
MIB = 2**20


def image(kind: str, side: int = 28) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture(7)).resize((side, side)).save(file, kind)
    return file.getvalue()


def mixed() -> list[Ask]:
    """One request of each kind, small ones, so that there can be many."""
    rows = (picture(7) / 255).astype(np.float32)
    tensor = {"name": "rows", "shape": [1, 28, 28], "datatype": "FP32"}
    flat = {**tensor, "data": rows.ravel().tolist()}
    infer = "/v2/models/lstm/infer"

    def body(values: object) -> bytes:
        return json.dumps(values).encode()

    return [
        *[upload(image(kind), 7) for kind in ("PNG", "BMP", "GIF", "TIFF")],
        Ask("/predict", upload(image("JPEG", 90), 7).body, FORM),
        Ask("/predict?preview=true", upload(image("PNG", 60), 7).body, FORM),
        Ask("/predict_sequences", body({"sequences": [rows.tolist()]}), JSON),
        Ask(infer, body({"inputs": [flat]}), JSON),
        Ask(
            infer,
            body({"id": "x" * 1000, "inputs": [{**flat, "data": [2] * 784}]}),
            JSON,
            status=422,
        ),
        Ask("/predict", upload(b"no image", 7).body, FORM, status=415),
        Ask("/predict", upload(image("PNG")[:-30], 7).body, FORM, status=415),
        Ask("/predict", b"--form\r\n", FORM, status=400),
        Ask("/predict_sequences", b'{"sequences": [[[', JSON, status=400),
        Ask("/predict_sequences", body({"sequences": [[[2] * 28] * 28]}), JSON, status=422),
        Ask("/v2/models/none/infer", b"{}", JSON, status=404),
    ]


def resident(server: Server) -> int:
    """Bytes of all processes of the server together."""
    supervisor = psutil.Process(server.process.pid)
    total = 0
    for process in [supervisor, *supervisor.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            total += process.memory_info().rss
    return total


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as it is shipped, but for its model, which takes nearly no memory."""
    models = tmp_path_factory.mktemp("models")
    publish(models, "lstm")
    settings = {"DEVICE": "cpu", "MODELS_DIR": models}
    with serve(tmp_path_factory.mktemp("small"), settings, as_shipped=True) as server:
        yield server


def ask(server: Server, asks: Iterator[Ask], count: int) -> None:
    """Send the next `count` of `asks`, all of which must be answered rightly."""
    answers = keep_asking(server.url, itertools.islice(asks, count), connections=16)
    assert len(answers) == count
    wrong = [answer for answer in answers if not answer.right]
    assert not wrong, wrong[:3]


def test_five_thousand_requests_more_take_no_memory(small: Server) -> None:
    kinds = mixed()
    # With a path each time that nobody else asks for: the service must not remember them.
    asks = itertools.chain.from_iterable(
        [*kinds, Ask(f"/made/up/{i}", b"", JSON, status=404)] for i in itertools.count()
    )
    ask(small, asks, 1_000)
    early = resident(small)
    ask(small, asks, 5_000)
    grown = resident(small) - early
    print(f"{early / MIB:.0f} MiB after 1,000 requests, {grown / MIB:.1f} MiB more after 6,000")
    assert grown < 8 * MIB  # 1.6 KiB for a request


def test_what_a_huge_picture_took_is_given_back(small: Server) -> None:
    ask(small, itertools.cycle(mixed()), 100)
    before = resident(small)
    file = io.BytesIO()
    Image.new("1", (6400, 7600), 1).save(file, "PNG", transparency=0)  # decoded by way of RGBA
    answer = httpx.post(f"{small.url}/predict", files={"image": file.getvalue()}, timeout=60)
    assert answer.status_code == 200
    small.poll(lambda: resident(small) < before + 32 * MIB)
