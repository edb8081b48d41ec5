"""Load on a running server by wrk, which must be installed (the package is called `wrk`)."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

# What wrk runs at its end: all latencies that it saw, as pairs of microseconds and how often.
_DONE = """
done = function(summary, latency, requests)
  local errors, pairs = summary.errors, {}
  for i = 1, #latency do
    local value, count = latency(i)
    pairs[i] = string.format("[%d,%d]", value, count)
  end
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('LOAD {"answers":%d,"microseconds":%d,"failed":%d,"latencies":[%s]}',
    summary.requests - errors.status, summary.duration, failed, table.concat(pairs, ",")))
end
"""


@dataclass(frozen=True)
class Load:
    """What a server did for a while.

    `latencies` counts all its answers by microseconds; `failed` are those that say no, and
    connections that broke.
    """

    answers: int  # with status 2xx or 3xx
    seconds: float
    failed: int
    latencies: Counter[int]

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return self.answers / self.seconds

    @property
    def p50(self) -> float:
        """Median latency in milliseconds."""
        return self.percentile(50)

    @property
    def p99(self) -> float:
        """99th percentile of latency in milliseconds."""
        return self.percentile(99)

    def percentile(self, share: float) -> float:
        """Milliseconds within which `share` percent of the answers came; NaN without answers."""
        values, ends = self._cumulated
        if not len(values):
            return float("nan")
        place = np.searchsorted(ends, share * ends[-1] / 100)
        return float(values[min(int(place), len(values) - 1)]) / 1e3

    @cached_property
    def _cumulated(self) -> tuple[np.ndarray, np.ndarray]:
        pairs = np.array(sorted(self.latencies.items()), np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1].cumsum()


def together(loads: Iterable[Load]) -> Load:
    """Several loads as if they were one."""
    several = list(loads)
    return Load(
        sum(load.answers for load in several),
        sum(load.seconds for load in several),
        sum(load.failed for load in several),
        sum((load.latencies for load in several), Counter()),
    )


@dataclass(frozen=True)
class Post:
    """A request to be repeated."""

    path: str
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()

    def script(self, folder: Path) -> Path:
        """The request as wrk reads it, in Lua."""
        body = "".join(f"\\x{byte:02x}" for byte in self.body)
        headers = [("Content-Type", self.content_type), *self.headers]
        lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in headers]
        file = folder / f"{abs(hash(self))}.lua"
        file.write_text("\n".join(['wrk.method = "POST"', *lines, f'wrk.body = "{body}"', _DONE]))
        return file


def upload(image: bytes, media_type: str = "image/png", path: str = "/predict") -> Post:
    """An image to `path`, in a form."""
    head = (
        '--form\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    body = head.encode() + image + b"\r\n--form--\r\n"
    return Post(path, "multipart/form-data; boundary=form", body)


def measure(url: str, script: Path, path: str, *, connections: int, seconds: int) -> Load:
    """Repeat a request over `connections` at once.

    Raises:
        SystemExit: there is no wrk.
    """
    if not shutil.which("wrk"):
        raise SystemExit("wrk is not installed; take it from your system's packages")
    options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s"]
    command = ["wrk", *options, "-s", str(script), url + path]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return parse(out)


def parse(out: str) -> Load:
    """The load that wrk reports when it ran a script of `Post.script`.

    Raises:
        RuntimeError: it does not.
    """
    found = [line for line in out.splitlines() if line.startswith("LOAD ")]
    if len(found) != 1:
        raise RuntimeError(f"wrk reports no load:\n{out}")
    load = json.loads(found[0].removeprefix("LOAD "))
    latencies = Counter({int(value): int(count) for value, count in load["latencies"]})
    return Load(load["answers"], load["microseconds"] / 1e6, load["failed"], latencies)
