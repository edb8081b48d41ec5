"""How fast servers answer, side by side: see `tests.benchmarks.bench`.

All servers run at the same time; wrk asks one after the other within each round, and between them
the model alone, in this process, is measured in the same rounds.
"""

import contextlib
import functools
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tests.benchmarks.tools import model_forms, servers
from tests.benchmarks.tools.load import Load, together
from tests.benchmarks.tools.load import measure as ask
from tests.benchmarks.tools.report import Goal, Part, Table
from tests.benchmarks.tools.servers import (
    BENTOML,
    FASTAPI,
    LITSERVE,
    MLSERVER,
    OURS,
    OURS_AUTO,
    WORKERS,
)
from tests.benchmarks.tools.timing import Spread, ratio, turns
from tests.benchmarks.tools.workloads import (
    JPEG,
    LARGE_JPEG,
    PLAIN_FASTAPI,
    PNG,
    V2,
    Workload,
    workloads,
)
from tests.support.servers.server import Server

CONNECTIONS = (1, 16, 64)
BUSY = 64  # connections that the goals of uploads speak of
# Those of tensors: of 64 with batch 512 MLServer answers hardly any before wrk is done.
FEW = 16
AHEAD = 1.1  # times the rate of FastAPI with photos, and where few ask at once
ALONE = "model alone, in process"
V2_512 = f"{V2}, batch 512"
Key = tuple[str, int]  # workload and connections
Loads = dict[Key, dict[str, list[Load]]]  # by server, one a round

HOW = (
    "wrk, one thread, on the same machine; {rounds} rounds of {seconds} s ({longer} s for batch "
    "512 and large photos), in each of which every server takes its turn. Answers a second: "
    "median (10th to 90th percentile) of the rounds; latencies in milliseconds over the answers "
    "of all rounds together; failed: other statuses than 2xx, and broken connections. Every "
    "server has {workers} workers. {what}. The peers do for a picture what the service does, with"
    " its code: decode, normalise, run the shipped LSTM on one thread, calibrate, answer with a "
    "whole prediction; BentoML's takes the picture that BentoML decodes, and FastAPI is also "
    "asked to read a photo as tutorials do: grey, shrunk to 28 x 28, inverted. They have no "
    "limits, deadlines, request ids, metrics of their own, or batching of requests. The model "
    "alone is the LSTM in the service's backend on {workers} threads."
)


@dataclass(frozen=True)
class Budget:
    """How much is measured."""

    rounds: int = 3
    seconds: int = 1
    connections: tuple[int, ...] = CONNECTIONS
    servers: tuple[str, ...] = tuple(servers.PEERS_BY_NAME)


def measure(budget: Budget) -> Part:
    """Start all servers, ask them, stop them."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running, missing = _start(stack, folder, budget)
        loads = _ask(running, folder, budget)
    what = "; ".join(f"{name}: {peer.what}" for name, peer in servers.PEERS_BY_NAME.items())
    how = HOW.format(
        rounds=budget.rounds,
        seconds=budget.seconds,
        longer=2 * budget.seconds,
        workers=WORKERS,
        what=what,
    )
    samples = {
        _case(key): {
            name: [
                {"rate": load.rate, "p50": load.p50, "p99": load.p99, "failed": load.failed}
                for load in several
            ]
            for name, several in found.items()
        }
        for key, found in loads.items()
    }
    drawn = [_case(key) for key in judged(loads)]
    return Part(
        "service",
        how,
        table(loads, missing),
        {"loads": samples, "judged": drawn, "missing": missing},
    )


def _start(
    stack: contextlib.ExitStack, folder: Path, budget: Budget
) -> tuple[dict[str, Server], dict[str, str]]:
    """The servers that run, and why the others do not."""
    running: dict[str, Server] = {}
    missing: dict[str, str] = {}
    for name in tqdm(budget.servers, desc="start", unit="server", leave=False):
        try:
            running[name] = stack.enter_context(servers.run(name, folder))
        except servers.MissingError as error:
            missing[name] = str(error)
    return running, missing


def _ask(running: dict[str, Server], folder: Path, budget: Budget) -> Loads:
    loads: Loads = {}
    cases = [(work, count) for work in workloads() for count in budget.connections]
    for workload, connections in tqdm(cases, desc="service", unit="case", leave=False):
        seconds = budget.seconds * workload.patience
        turn = {
            name: functools.partial(
                _settled,
                running[server],
                post.script(folder),
                post.path,
                connections=connections,
                seconds=seconds,
            )
            for name, (server, post) in workload.asks.items()
            if server in running
        }
        if workload.name == V2_512:
            turn[ALONE] = functools.partial(_alone, workload, seconds)
        found: dict[str, list[Load]] = {name: [] for name in turn}
        for name in turns(budget.rounds, list(turn)):
            found[name].append(turn[name]())
        loads[workload.name, connections] = found
    return loads


def _settled(server: Server, script: Path, path: str, *, connections: int, seconds: int) -> Load:
    """The load on a server that leaves the processors to the next one."""
    load = ask(server.url, script, path, connections=connections, seconds=seconds)
    servers.settle(server)
    return load


def _alone(workload: Workload, seconds: float) -> Load:
    """What the model does for so long in this process, on as many threads as there are workers."""
    call = model_forms.ours("lstm", workload.images)

    def run(_: int) -> Load:
        latencies: Counter[int] = Counter()
        started = now = time.perf_counter()
        while now - started < seconds:
            before = now
            call()
            now = time.perf_counter()
            latencies[round((now - before) * 1e6)] += 1
        return Load(latencies.total(), now - started, 0, latencies)

    with ThreadPoolExecutor(WORKERS) as pool:
        several = list(pool.map(run, range(WORKERS)))
    whole = together(several)
    return Load(whole.answers, whole.seconds / WORKERS, 0, whole.latencies)


def table(loads: Loads, missing: dict[str, str]) -> Table:
    """One row a workload, number of connections and server; servers that are missing at the end."""
    columns = ("request", "connections", "server", "answers a second", "p50, ms", "p99, ms")
    rows = Table((*columns, "p99.9, ms", "failed"), names=2)
    for (workload, connections), found in loads.items():
        for name, several in found.items():
            whole = together(several)
            rows.add(
                workload,
                str(connections),
                name,
                Spread.of([load.rate for load in several]).shown(0),
                *(f"{whole.percentile(share):,.1f}" for share in (50, 99, 99.9)),
                str(whole.failed),
                goals=goals((workload, connections), found) if name == OURS else (),
            )
    for name, why in missing.items():
        rows.add("-", "-", name, why, "-", "-", "-", "-")
    return rows


def goals(key: Key, found: dict[str, list[Load]]) -> list[Goal]:
    """What is wished for of our service in this case."""
    over = functools.partial(_rate, found)
    if key[0] in (JPEG, LARGE_JPEG):
        return [over(PLAIN_FASTAPI, AHEAD), _slowness(found, PLAIN_FASTAPI)]
    if key[0] == PNG and key[1] != _judged(PNG):
        return [over(FASTAPI, AHEAD)]
    if key == (PNG, _judged(PNG)):
        return [
            over(FASTAPI, 1),
            _slowness(found, FASTAPI),
            over(BENTOML, 2),
            over(LITSERVE, 2),
        ]
    if key == (V2_512, _judged(V2_512)):
        return [over(ALONE, 0.8), over(MLSERVER, 3), over(MLSERVER, 3, OURS_AUTO)]
    return []


def _case(key: Key) -> str:
    return f"{key[0]}, {key[1]} connections"


def judged(loads: Loads) -> Loads:
    """Each workload with the number of connections at which it is judged, where it was asked so."""
    chosen = {key: found for key, found in loads.items() if key[1] == _judged(key[0])}
    return chosen or loads


def _judged(workload: str) -> int:
    return FEW if workload.startswith(V2) else BUSY


def _rate(found: dict[str, list[Load]], other: str, target: float, own: str = OURS) -> Goal:
    """Our answers a second over those of another."""
    mine, theirs = ([load.rate for load in found.get(name, [])] for name in (own, other))
    whose = "rate" if own == OURS else f"rate of {own},"
    return Goal(f"{whose} over that of {other}", "at least", target, _over(mine, theirs))


def _slowness(found: dict[str, list[Load]], other: str) -> Goal:
    """Our 99th percentile over another's."""
    mine, theirs = ([load.p99 for load in found.get(name, [])] for name in (OURS, other))
    return Goal(f"p99 over that of {other}", "at most", 1, _over(mine, theirs))


def _over(mine: list[float], theirs: list[float]) -> Spread | None:
    return ratio(mine, theirs) if mine and theirs else None
