"""Memory: what requests of every kind take, good and bad, is given back."""

import io
import itertools
import json
import platform
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image

from tests.support.published import picture, publish
from tests.support.server import Server, serve
from tests.support.traffic import Ask, keep_asking, upload

pytestmark = [pytest.mark.e2e, pytest.mark.long]

FORM = "multipart/form-data; boundary=form"
JSON = "application/json"


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

    def number(values: object) -> bytes:
        return json.dumps(values).encode()

    return [
        *[upload(image(kind), 7) for kind in ("PNG", "BMP", "GIF", "TIFF")],
        Ask("/predict", upload(image("JPEG", 90), 7).body, FORM),
        Ask("/predict?preview=true", upload(image("PNG", 60), 7).body, FORM),
        Ask("/predict_sequences", number({"sequences": [rows.tolist()]}), JSON),
        Ask(infer, number({"inputs": [flat]}), JSON),
        Ask(
            infer,
            number({"id": "x" * 1000, "inputs": [{**flat, "data": [2] * 784}]}),
            JSON,
            status=422,
        ),
        Ask("/predict", upload(b"no image", 7).body, FORM, status=415),
        Ask("/predict", upload(image("PNG")[:-30], 7).body, FORM, status=415),
        Ask("/predict", b"--form\r\n", FORM, status=400),
        Ask("/predict_sequences", b'{"sequences": [[[', JSON, status=400),
        Ask("/predict_sequences", number({"sequences": [[[2] * 28] * 28]}), JSON, status=422),
        Ask("/v2/models/none/infer", b"{}", JSON, status=404),
    ]


def resident(server: Server) -> int:
    """Bytes of the supervisor and its workers."""
    supervisor = psutil.Process(server.process.pid)
    processes = [supervisor, *supervisor.children(recursive=True)]
    return sum(process.memory_info().rss for process in processes)


def test_fifty_thousand_requests_take_no_more_than_a_thousand(tmp_path: Path) -> None:
    models = tmp_path / "models"
    publish(models, "lstm")
    with serve(tmp_path, {"DEVICE": "cpu", "MODELS_DIR": models}, as_shipped=True) as server:

        def ask(count: int) -> None:
            # A path that nobody else asks for, each time: the service must not remember them.
            strange = (Ask(f"/made/up/{i}", b"", JSON, status=404) for i in itertools.count())
            asks: Iterator[Ask] = itertools.chain.from_iterable(
                [*kinds, next(strange)] for _ in itertools.count()
            )
            answers = keep_asking(server.url, itertools.islice(asks, count), connections=16)
            assert len(answers) == count
            wrong = [answer for answer in answers if not answer.right]
            assert not wrong, wrong[:3]

        kinds = mixed()
        ask(1_000)
        early = resident(server)
        ask(49_000)
        late = resident(server)
    print(f"{early / 2**20:.0f} MiB after 1,000 requests, {late / 2**20:.0f} MiB after 50,000")
    assert late < 1.2 * early


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is freed")
def test_what_a_huge_picture_took_is_given_back(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("1", (6400, 7600), 1).save(file, "PNG", transparency=0)  # decoded by way of RGBA
    with serve(tmp_path, {"DEVICE": "cpu"}, as_shipped=True) as server:
        [worker] = server.workers
        before = worker.memory_info().rss
        answer = httpx.post(f"{server.url}/predict", files={"image": file.getvalue()}, timeout=60)
        assert answer.status_code == 200
        server.poll(lambda: worker.memory_info().rss < 1.3 * before)
