"""Start the real `bentoml serve`, wait until it answers, and stop it."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from service.settings import PREFIX
from tests.support.polling import poll
from tests.support.project import ROOT

# So small that every limit can be met by small requests.
SMALL_LIMITS = {
    "MAX_BATCH": 5,
    "MAX_V2_BATCH": 6,
    "MAX_BODY_BYTES": 1_000_000,
    "MAX_PIXELS": 10_000,
    "MAX_BATCH_PIXELS": 20_000,
}
# All that guards a server, with limits that a test can reach.
PAGE = "https://page.example"
KEYS = ("a-key", "other-key")
GUARDS = {
    "API_KEYS": " ".join(KEYS),
    "CORS_ORIGINS": PAGE,
    "MAX_PENDING": 2,
    "TIMEOUT_SECONDS": 3,
    "MAX_PARSE_SECONDS": 0.01,
    "ACCESS_LOG": "true",
    "LOG_FORMAT": "json",
    "LOG_FORMATS": "mistyped",
}


@dataclass
class Server:
    """A running server, its address and what it has written so far."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait(self, path: str = "/readyz", status: int = 200) -> httpx.Response:
        """Ask until `path` answers with `status`; fail with the log when it does not in time."""

        def answered() -> httpx.Response | None:
            assert self.process.poll() is None, f"the server has ended:\n{self.log}"
            with contextlib.suppress(httpx.TransportError):
                response = httpx.get(self.url + path, timeout=5)
                return response if response.status_code == status else None
            return None

        return poll(answered, lambda: f"{path} did not answer {status}:\n{self.log}", pause=0.05)

    def poll(self, reached: Callable[[], bool]) -> None:
        """Ask until `reached()`; fail with the log when it is not in time."""
        poll(reached, lambda: self.log)

    @property
    def workers(self) -> list[psutil.Process]:
        """The processes that answer requests; not those that parse for them."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "--worker-id" in _command(child)]

    def stop(self) -> int:
        """End the process group as a supervisor would, and give the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def _command(process: psutil.Process) -> list[str]:
    """Empty when it has just ended."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.cmdline()
    return []


@contextlib.contextmanager
def serve(
    folder: Path,
    settings: Mapping[str, object],
    *,
    arguments: Sequence[str] = (),
    cwd: Path = ROOT,
    status: int = 200,
    as_shipped: bool = False,
    python: Path = Path(sys.executable),
) -> Iterator[Server]:
    """`bentoml serve` with `arguments` in `cwd` by `python`, once `/readyz` answers `status`.

    `folder` takes its log and BentoML's home; `settings` are the environment's `ROWREADER_...`,
    without this prefix. Unless `as_shipped`, its coverage is measured if this process's is, which
    takes half of its time, and nobody is refused because work would wait for too long.
    """
    port = free_port()
    command = [str(python), "-m", "bentoml", "serve", *arguments, "--port", str(port)]
    environ = environment(folder, settings, as_shipped=as_shipped)
    with started(command, folder, environ, port, cwd) as server:
        server.wait(status=status)
        yield server


@contextlib.contextmanager
def started(
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str],
    port: int,
    cwd: Path = ROOT,
) -> Iterator[Server]:
    """The server that `command` starts at `port`, which may not answer yet; its log in `folder`."""
    log_file = folder / "server.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(f"http://127.0.0.1:{port}", process, log_file)
    try:
        yield server
    finally:
        server.stop()


def environment(
    folder: Path, settings: Mapping[str, object], *, as_shipped: bool = False
) -> dict[str, str]:
    """This process's environment, with `settings` instead of its own."""
    left_out = (PREFIX, "COVERAGE_", "COV_CORE_") if as_shipped else (PREFIX,)
    inherited = {name: v for name, v in os.environ.items() if not name.startswith(left_out)}
    bentoml = {"BENTOML_HOME": str(folder / "bentoml"), "BENTOML_DO_NOT_TRACK": "true"}
    patience = {} if as_shipped else {"MAX_DELAY_SECONDS": 600}
    ours = {PREFIX + name: str(value) for name, value in {**patience, **settings}.items()}
    return {**inherited, **bentoml, **ours}


def free_port() -> int:
    """A port that nobody has.

    It lies below those that systems give to clients' own ends of connections (RFC 6335 and Linux),
    of which one may take it before the server does.
    """
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
