"""`python -m service.bulk` on a cluster of three nodes, of which one is lost in the middle."""

import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import bulk
from tests.support.bulk import by_path, draw, parts
from tests.support.polling import poll

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("ray"), reason=bulk.NEEDS),
]

PICTURES, PART = 900, 30


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Three nodes as processes; the first, which stays, reads nothing, as in deploy/ray."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    # Short, for the names of its sockets.
    folder = Path(tempfile.gettempdir()) / f"ray-{os.getpid()}"
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        node = {"object_store_memory": 100 * 1024 * 1024, "include_dashboard": False}
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **node})
        yield nodes, [nodes.add_node(num_cpus=1, **node) for _ in range(2)]
        nodes.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_lost_node_costs_no_picture_and_doubles_none(
    tmp_path: Path, models_dir: Path, cluster: Any
) -> None:
    nodes, (lost, _) = cluster
    scans, out = tmp_path / "scans", tmp_path / "out"
    draw(scans, PICTURES, side=280)
    environ = {"RAY_ADDRESS": nodes.address, "ROWREADER_MODELS_DIR": models_dir}
    process = bulk.start(scans, out, "--part-size", str(PART), **environ)
    poll(lambda: len(parts(out)) > 2, lambda: "no part came", deadline=bulk.DEADLINE)
    assert process.poll() is None
    nodes.remove_node(lost, allow_graceful=False)
    assert len(parts(out)) < PICTURES / PART, "all was read before the node was lost"
    status, _, errors = bulk.finish(process)
    assert status == 0, errors
    found = by_path(out)
    assert found.keys() == {str(path) for path in scans.iterdir()}
    assert {row["error"] for row in found.values()} == {None}
