"""A disk that is full stops the counting, never the answering."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.project import ROOT
from tests.support.servers.server import serve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SEVEN = (ROOT / "docs" / "seven.png").read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def test_predictions_go_on_and_figures_are_kept_again(small_disk: Path, models_dir: Path) -> None:
    with (
        serve(small_disk, {"MODELS_DIR": models_dir, "DEVICE": "cpu"}, as_shipped=True) as server,
        httpx.Client(base_url=server.url, timeout=10) as client,
    ):
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        for model in ("lstm", "gru", "rnn"):  # each with figures of its own
            answer = client.post("/predict", files={"image": SEVEN}, data={"model": model})
            assert answer.status_code == 200
            for path in ("/livez", "/metrics", f"/v2/models/{model}", f"/no/{model}"):
                assert client.get(path).status_code in (200, 404)
        [worker] = server.workers
        filler.unlink()

        def counted() -> bool:
            assert client.post("/predict", files={"image": SEVEN}).status_code == 200
            figures = client.get("/metrics").text
            return 'requests_total{model="rnn",route="/predict",status="200"} 1.0' in figures

        server.poll(counted)
        assert [worker] == server.workers  # none had to be replaced
