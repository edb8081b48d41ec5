"""How much memory a worker takes: at rest, and while it reads pictures as large as allowed.

    python -m tests.benchmarks.memory

Starts the real server on the CPU with the shipped models and its default settings, posts small
pictures, then pictures of `max_pixels` in each format, as many at a time as there are threads, and
prints the peak of the worker's resident memory after each, in MB. The kernel keeps the peak, so
that it only grows from line to line.
"""

import io
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
from PIL import Image

from service.settings import Settings
from tests.support.project import ROOT
from tests.support.servers.server import Server, serve

KINDS = (("JPEG", "RGB"), ("PNG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGBA"), ("GIF", "L"))
ROUNDS = 4


def main() -> None:
    """Measure and print."""
    settings = Settings()
    with tempfile.TemporaryDirectory() as folder, serve(Path(folder), {"DEVICE": "cpu"}) as server:
        supervisor = psutil.Process(server.process.pid)
        print(f"supervisor: {supervisor.memory_info().rss / 1e6:.0f} MB")
        print(f"worker, ready: {peak(server):.0f} MB")
        small = (ROOT / "docs" / "seven.png").read_bytes()
        print(f"after small pictures: {peak(server, small, settings.threads):.0f} MB")
        for form, mode in KINDS:
            large = picture(form, mode, settings.max_pixels)
            now = peak(server, large, settings.threads)
            print(f"after {form} ({mode}) of {settings.max_pixels:,} pixels: {now:.0f} MB")


def picture(form: str, mode: str, pixels: int) -> bytes:
    """A seven on light paper, as large as `pixels` allow."""
    side = int(pixels**0.5)
    file = io.BytesIO()
    with Image.open(ROOT / "docs" / "seven.png") as seven:
        seven.convert(mode).resize((side, side)).save(file, form)
    return file.getvalue()


def peak(server: Server, data: bytes = b"", at_once: int = 1) -> float:
    """The worker's largest resident memory so far, in MB, after it has read `data` many times."""

    def post(_: int) -> None:
        answer = httpx.post(f"{server.url}/predict", files={"image": data}, timeout=120)
        assert answer.status_code == 200, answer.text

    if data:
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(post, range(ROUNDS * at_once)))
    [worker] = server.workers
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
