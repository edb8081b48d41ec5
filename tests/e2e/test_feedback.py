"""What is read is kept where the operator wants that, and what was right finds it again."""

import contextlib
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from service.monitoring.records import read_records
from service.monitoring.segments import find_segments
from tests.support.servers.refused import IMAGE, SEVEN, files
from tests.support.servers.row_stream import ask, opened
from tests.support.servers.server import KEYS, Server, serve

pytestmark = pytest.mark.e2e


def test_where_nothing_is_kept_the_route_says_so_and_is_not_listed(http: httpx.Client) -> None:
    answer = http.post("/feedback", json={"request_id": "a", "digit": 7})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"
    assert "keeps no predictions that could be corrected" in answer.json()["error"]["message"]
    assert "ROWREADER_MONITOR" in answer.json()["error"]["message"]
    assert "/feedback" not in http.get("/").json()["routes"]
    assert "/feedback" not in http.get("/docs.json").json()["paths"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("monitored") / "kept"


@pytest.fixture(scope="module")
def keeping(
    tmp_path_factory: pytest.TempPathFactory, kept: Path, models_dir: Path
) -> Iterator[Server]:
    """Two workers that keep what they read, with pictures, and want a key."""
    settings = {
        "MODELS_DIR": models_dir,
        "DEVICE": "cpu",
        "WORKERS": 2,
        "MONITOR": kept,
        "MONITOR_PICTURES": "true",
        "API_KEYS": KEYS[0],
    }
    with serve(tmp_path_factory.mktemp("keeping"), settings) as server:
        yield server


def client(server: Server) -> httpx.Client:
    """A client with a connection for each request, so that both workers are asked."""
    headers = {"Authorization": f"Bearer {KEYS[0]}", "Connection": "close"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=30)


def tell(http: httpx.Client, name: str, digit: int | None, **more: Any) -> httpx.Response:
    return http.post("/feedback", json={"request_id": name, "digit": digit, **more})


@pytest.mark.slow
class TestKeeping:
    def test_every_route_that_reads_is_kept_and_found_by_either_worker(
        self, keeping: Server, kept: Path
    ) -> None:
        with client(keeping) as http:
            answers: list[httpx.Response] = []

            def both_have_kept() -> bool:
                # At once, or the worker that is ready first answers all.
                with ThreadPoolExecutor(8) as pool:
                    posts = [pool.submit(http.post, "/predict", files=IMAGE) for _ in range(8)]
                    answers.extend(post.result() for post in posts)
                return len(find_segments(kept)) == 2

            keeping.poll(both_have_kept)
            answers.append(http.post("/predict_rows", files=IMAGE))
            answers.append(http.post("/predict_rows?stop_at=0.2", files=IMAGE))
            for answer in answers * 2:
                told = tell(http, answer.headers["X-Request-Id"], 7)
                assert told.status_code == 200, told.text
                assert told.json()["model"] == "lstm"
            batch = http.post("/predict_batch", files=files(SEVEN, b"no image", SEVEN))
            name = batch.headers["X-Request-Id"]
            assert tell(http, name, 7).status_code == 409
            assert tell(http, name, 7, index=1).status_code == 404
            assert tell(http, name, None, index=2).json()["index"] == 2
        records = read_records(kept)
        assert len(records.corrections) == len(answers) + 1
        assert all(prediction.pixels for prediction in records.predictions)
        assert {p.stat().st_mode & 0o077 for p in (kept, *kept.iterdir())} == {0}

    def test_what_is_written_on_a_web_socket_is_kept_without_its_picture(
        self, keeping: Server, kept: Path
    ) -> None:
        with opened(keeping, headers={"Authorization": f"Bearer {KEYS[0]}"}) as socket:
            ask(socket, bytes(28))
            ask(socket, {"end": True})
        [found] = [p for p in read_records(kept).predictions if p.format is None]
        assert (found.reason, found.pixels) == ("blank", None)

    def test_it_is_guarded_counted_and_described_as_its_siblings_are(self, keeping: Server) -> None:
        body = {"request_id": "nobody", "digit": 7}
        assert httpx.post(f"{keeping.url}/feedback", json=body).status_code == 401
        with client(keeping) as http:
            assert tell(http, "nobody", 7).json()["error"]["code"] == "unknown_request"
            assert http.post("/feedback", content=b"{}").status_code == 415
            assert http.get("/feedback").status_code == 405
            assert "/feedback" in http.get("/").json()["routes"]
            document = http.get("/docs.json").json()
            validate(document)
            answers = document["paths"]["/feedback"]["post"]["responses"]
            assert {"200", "401", "404", "409", "415", "422", "429", "507"} <= answers.keys()
            figures = http.get("/metrics").text
        assert 'rowreader_requests_total{model="none",route="/feedback",status="404"}' in figures
        assert re.search(r'monitored_total{outcome="kept",what="prediction"} [1-9]', figures)
        assert re.search(r'monitored_total{outcome="lost",what="prediction"} 0', figures)

    def test_a_worker_that_is_killed_takes_nothing_with_it(
        self, keeping: Server, kept: Path
    ) -> None:
        with client(keeping) as http:
            before = http.post("/predict", files=IMAGE).headers["X-Request-Id"]
            for worker in keeping.workers:
                worker.kill()
            keeping.wait()

            def found() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return tell(http, before, 7).status_code == 200
                return False

            keeping.poll(found)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_the_keeping_and_never_the_answering(
    small_disk: Path, tmp_path_factory: pytest.TempPathFactory, models_dir: Path
) -> None:
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu", "MONITOR": small_disk / "kept"}
    with (
        serve(tmp_path_factory.mktemp("full"), settings) as server,
        httpx.Client(base_url=server.url, timeout=10) as http,
    ):
        first = http.post("/predict", files=IMAGE).headers["X-Request-Id"]
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))

        def lost() -> bool:
            assert http.post("/predict", files=IMAGE).status_code == 200
            return 'outcome="lost",what="prediction"} 0.0' not in http.get("/metrics").text

        server.poll(lost)
        answer = tell(http, first, 1)
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "not_kept")
        filler.unlink()
        server.poll(lambda: tell(http, first, 1).status_code == 200)
        assert "Predictions are kept again" in server.log
    records = read_records(small_disk / "kept")
    assert [correction.told for correction in records.corrections] == [1]
