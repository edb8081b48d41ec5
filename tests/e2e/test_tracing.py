"""Traces go to a collector by BentoML's own settings, as docs/deployment.md shows them."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from tests.support.project import ROOT
from tests.support.servers.server import serve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Collector(BaseHTTPRequestHandler):
    """Keeps the bodies that it is sent."""

    received: list[bytes]

    def do_POST(self) -> None:
        type(self).received.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[HTTPServer]:
    Collector.received = []
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_request_is_traced(
    tmp_path: Path, models_dir: Path, collector: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "deployment.md"
    [shown] = re.findall(r"```yaml\n(# tracing\.yaml.*?)```", page.read_text(), re.S)
    assert "collector:4318" in shown
    config = shown.replace("collector:4318", f"127.0.0.1:{collector.server_port}")
    (tmp_path / "tracing.yaml").write_text(config.replace("sample_rate: 0.1", "sample_rate: 1.0"))
    monkeypatch.setenv("BENTOML_CONFIG", str(tmp_path / "tracing.yaml"))
    # Not five seconds after the request, which is the default.
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with serve(tmp_path, {"MODELS_DIR": models_dir, "DEVICE": "cpu"}) as server:
        body = {"sequences": [[[0.0] * 28] * 28]}
        answer = httpx.post(f"{server.url}/predict_sequences", json=body, timeout=30)
        assert answer.status_code == 200
        server.poll(lambda: b"/predict_sequences" in b"".join(Collector.received))
