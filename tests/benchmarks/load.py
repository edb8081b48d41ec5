"""Load on a running server by wrk, which must be installed (the package is called `wrk`)."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Load:
    """What a server did for a while: answers a second, their latency in milliseconds, failures."""

    rate: float
    p50: float
    p99: float
    failed: int


@dataclass(frozen=True)
class Post:
    """A request to be repeated."""

    path: str
    content_type: str
    body: bytes

    def script(self, folder: Path) -> Path:
        """The request as wrk reads it, in Lua."""
        body = "".join(f"\\x{byte:02x}" for byte in self.body)
        file = folder / f"{abs(hash(self))}.lua"
        file.write_text(
            f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "{self.content_type}"\n'
            f'wrk.body = "{body}"\n'
        )
        return file


def upload(image: bytes) -> Post:
    """An image to `/predict`, in a form."""
    head = b'--form\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n\r\n'
    return Post(
        "/predict", "multipart/form-data; boundary=form", head + image + b"\r\n--form--\r\n"
    )


def measure(url: str, script: Path, path: str, *, connections: int, seconds: int) -> Load:
    """Repeat a request over `connections` at once.

    Raises:
        SystemExit: there is no wrk.
    """
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed; take it from your system's packages")
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    command = ["wrk", *options, "-s", str(script), url + path]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    failed = sum(int(count) for count in re.findall(r"(?:Non-2xx.*: |connect |timeout )(\d+)", out))
    rate = _number(r"Requests/sec:\s+([\d.]+)()", out)
    return Load(rate, _latency(50, out), _latency(99, out), failed)


def _latency(percentile: int, out: str) -> float:
    return _number(rf"\s{percentile}%\s+([\d.]+)(us|ms|s|m)\s", out)


def _number(pattern: str, out: str) -> float:
    if not (found := re.search(pattern, out)):
        raise RuntimeError(f"wrk says no {pattern!r}:\n{out}")
    return float(found[1]) * _MILLISECONDS.get(found[2], 1.0)
