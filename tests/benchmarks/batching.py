"""Which way through a worker serves best: `python -m tests.benchmarks.batching`, eleven minutes.

Servers of one worker with the shipped models run side by side: each request alone, what the service
does, and the other ways of `tests.benchmarks.batchers`. wrk asks them in turn, round after round,
for a 28 x 28 PNG at `/predict` over 1, 16 and 64 connections. A table for the README: answers a
second, median and 99th percentile of latency in milliseconds, each the median of the rounds, and
the rate over that of each request alone with its spread. On two cores wrk and the servers share
them.
"""

import argparse
import contextlib
import io
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from PIL import Image

from tests.benchmarks.load import Load, measure, upload
from tests.e2e.server import Server, serve
from tests.published import picture

PEERS = ["tests.benchmarks.batchers:RowReader"]
WAYS: dict[str, tuple[str, dict[str, object], list[str]]] = {
    "each alone": ("", {"MAX_JOINT_BATCH": 1}, []),
    "what came at once, on the event loop (ours)": ("", {}, []),
    "the same, by BentoML's way to the endpoints": ("detour", {}, PEERS),
    "the same, every request handed to a thread": ("handed", {}, PEERS),
    "asyncio batcher": ("asyncio", {}, PEERS),
    "BentoML's dispatcher": ("dispatcher", {}, PEERS),
    "BentoML, two services": ("split", {}, PEERS),
}
CONNECTIONS = (1, 16, 64)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="compare ways of batching requests")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4)
    arguments = parser.parse_args()
    loads: dict[tuple[int, str], list[Load]] = defaultdict(list)
    file = io.BytesIO()
    Image.fromarray(picture(7)).save(file, "PNG")
    post = upload(file.getvalue())
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        script = post.script(folder)
        servers = {way: stack.enter_context(started(folder, way)) for way in WAYS}
        for server in servers.values():  # BentoML's dispatcher learns from its first requests
            measure(server.url, script, post.path, connections=8, seconds=2)
        for _ in range(arguments.rounds):
            for connections in CONNECTIONS:
                for way, server in servers.items():
                    load = measure(
                        server.url,
                        script,
                        post.path,
                        connections=connections,
                        seconds=arguments.seconds,
                    )
                    loads[connections, way].append(load)
    report(loads)


@contextlib.contextmanager
def started(folder: Path, way: str) -> Iterator[Server]:
    """A server that batches in this way."""
    batcher, settings, arguments = WAYS[way]
    home = folder / way
    home.mkdir()
    os.environ["BATCHER"] = batcher
    with serve(home, {"DEVICE": "cpu", **settings}, arguments=arguments) as server:
        yield server


def report(loads: dict[tuple[int, str], list[Load]]) -> None:
    """The table."""
    print("| connections | way | answers a second | ratio | p50, ms | p99, ms | failed |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for (connections, way), found in loads.items():
        alone = loads[connections, next(iter(WAYS))]
        ratios = sorted(load.rate / base.rate for load, base in zip(found, alone, strict=True))
        print(
            f"| {connections} | {way} | {median(load.rate for load in found):.0f} "
            f"| {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) "
            f"| {median(load.p50 for load in found):.1f} "
            f"| {median(load.p99 for load in found):.0f} "
            f"| {sum(load.failed for load in found)} |"
        )


if __name__ == "__main__":
    main()
