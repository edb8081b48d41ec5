"""Requests made to cost much: answered or refused, while others are answered as ever.

How soon, and what it takes of memory, is measured by `python -m tests.benchmarks.attacks`.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.benchmarks.attacks import measure
from tests.support.servers.attacks import ATTACKS
from tests.support.servers.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SECONDS = 3.0
# A worker whose probe goes unanswered for that long is as good as stopped: an orchestrator ends it
# (docs/deployment.md lets Kubernetes wait for 5 seconds).
PROBE_DEADLINE = 2.0  # seconds
ANSWERS = {200, 400, 413, 415, 422, 429}


@pytest.fixture(scope="module")
def attacker() -> Iterator[ProcessPoolExecutor]:
    """A process that attacks."""
    with ProcessPoolExecutor(1) as pool:
        yield pool


@pytest.mark.parametrize("name", ATTACKS)
def test_others_are_answered_meanwhile_and_the_worker_lives(
    refusing: Server, attacker: ProcessPoolExecutor, name: str
) -> None:
    before, written = refusing.workers, len(refusing.log)
    outcome = measure(refusing, name, SECONDS, attacker)
    assert outcome.attacker
    assert outcome.attacker.keys() <= ANSWERS
    assert outcome.answered >= 0.95, outcome.row(name)
    assert max(outcome.probes) < PROBE_DEADLINE, outcome.row(name)
    assert refusing.workers == before
    assert len(refusing.log) == written, "no client writes to the log by what a file holds"
