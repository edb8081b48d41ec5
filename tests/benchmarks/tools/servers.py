"""The servers that are measured side by side: ours, the peers, and the floor, two workers each."""

import contextlib
import functools
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.project import ROOT
from tests.support.servers.server import Server, environment, free_port, serve, started

WORKERS = 2
OURS, FASTAPI, LITSERVE = "ours", "FastAPI", "LitServe"
OURS_AUTO = "ours, the faster library"
BENTOML, MLSERVER, HELLO = "BentoML, plain", "MLServer", "ASGI hello"
PEERS = "tests.benchmarks.peers"
MLSERVER_BIN = Path(sys.executable).parent.parent / "mlserver" / "bin"

# The peers let everything wait; so do we here, instead of answering 429.
UNREFUSED = {"MAX_DELAY_SECONDS": 60}
POLL, IDLE = 0.1, 0.3  # seconds between two looks; processors that an idle server may take


class MissingError(RuntimeError):
    """A peer cannot be started here; the message says why."""


Start = Callable[[Path], contextlib.AbstractContextManager[Server]]


@dataclass(frozen=True)
class Peer:
    """How one server is started, and what it is, for the words beside the table."""

    start: Start
    what: str


@contextlib.contextmanager
def run(name: str, folder: Path) -> Iterator[Server]:
    """The server of this name, ready; its files in a folder of its own within `folder`.

    Raises:
        MissingError: it is not installed, or does not become ready.
    """
    home = folder / name.replace(" ", "-")
    home.mkdir()
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(PEERS_BY_NAME[name].start(home))
        except AssertionError as error:  # it did not become ready
            if name == OURS:
                raise
            last = [line for line in str(error).splitlines() if line.strip()][-1]
            raise MissingError(f"{name} does not start: {last}") from error
        yield server


def settle(server: Server, deadline: float = 10.0) -> None:
    """Wait until `server` has worked off what wrk gave up waiting for, or for `deadline` seconds.

    Otherwise it would take the processors from the next one in turn.
    """
    processes = [process := psutil.Process(server.process.pid), *process.children(recursive=True)]
    end = time.monotonic() + deadline
    before = float("-inf")
    while time.monotonic() < end:
        now = sum(p.cpu_times().user + p.cpu_times().system for p in processes if p.is_running())
        if now - before <= IDLE * POLL:
            return
        before = now
        time.sleep(POLL)


@contextlib.contextmanager
def _ours(folder: Path, backend: str = "onnxruntime") -> Iterator[Server]:
    settings = {"DEVICE": "cpu", "WORKERS": WORKERS, "BACKEND": backend, **UNREFUSED}
    with serve(folder, settings, as_shipped=True) as server:
        yield server


@contextlib.contextmanager
def _bento(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "bentoml", "serve", f"{PEERS}.bento:Plain"]
    with _peer([*command, "--port", str(port)], folder, port) as server:
        yield server


@contextlib.contextmanager
def _litserve(folder: Path) -> Iterator[Server]:
    _require("litserve", "LitServe")
    port = free_port()
    with _peer([sys.executable, "-m", f"{PEERS}.litserve_app"], folder, port) as server:
        yield server


def _uvicorn(app: str, needs: str = "uvicorn", path: str = "/readyz") -> Start:
    @contextlib.contextmanager
    def start(folder: Path) -> Iterator[Server]:
        _require(needs, needs)
        port = free_port()
        options = ["--workers", str(WORKERS), "--loop", "uvloop", "--http", "httptools"]
        command = [sys.executable, "-m", "uvicorn", f"{PEERS}.{app}:app", *options]
        command += ["--no-access-log", "--log-level", "warning", "--port", str(port)]
        with _peer(command, folder, port) as server:
            yield server

    return start


@contextlib.contextmanager
def _mlserver(folder: Path) -> Iterator[Server]:
    if not (MLSERVER_BIN / "mlserver").is_file():
        raise MissingError("MLServer is not installed: `make bench` gives it an environment")
    port, grpc, metrics = free_port(), free_port(), free_port()
    settings = {
        "debug": False,
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": grpc,
        "metrics_port": metrics,
        "metrics_dir": str(folder),
        "parallel_workers": WORKERS,
        "gzip_enabled": False,
    }
    model = {"name": "lstm", "implementation": f"{PEERS}.mlserver_runtime.Runtime"}
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))
    command = [str(MLSERVER_BIN / "mlserver"), "start", str(folder)]
    with _peer(command, folder, port, path="/v2/models/lstm/ready") as server:
        yield server


@contextlib.contextmanager
def _peer(command: list[str], folder: Path, port: int, path: str = "/readyz") -> Iterator[Server]:
    environ = environment(folder, {}, as_shipped=True) | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PORT": str(port),
        "WORKERS": str(WORKERS),
    }
    with started(command, folder, environ, port) as server:
        server.wait(path)
        yield server


def _require(module: str, name: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise MissingError(f"{name} is not installed: pip install '.[bench]'")


PEERS_BY_NAME: dict[str, Peer] = {
    OURS: Peer(_ours, "`bentoml serve` with the shipped models, told to refuse nothing"),
    OURS_AUTO: Peer(
        functools.partial(_ours, backend="auto"),
        "the same with `ROWREADER_BACKEND=auto`, and OpenVINO where models are proven with it",
    ),
    FASTAPI: Peer(_uvicorn("fastapi_app", "fastapi"), "FastAPI on uvicorn, uvloop and httptools"),
    LITSERVE: Peer(_litserve, "LitServe, two processes for requests and two for the model"),
    BENTOML: Peer(_bento, "a plain BentoML service with typed inputs"),
    MLSERVER: Peer(_mlserver, "MLServer with two inference processes, tensors as JSON"),
    HELLO: Peer(_uvicorn("hello"), "an ASGI application on uvicorn that reads and says hello"),
}
