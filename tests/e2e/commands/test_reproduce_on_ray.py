"""`python -m training.reproduce --ray`: the same figures and the same resumption as without it."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.bulk import NEEDS
from tests.support.training import commands

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("ray"), reason=NEEDS),
]

NAMES = ("mlp-50", "sine")
WITHOUT_RAY = """
import sys
import tempfile
from training.reproduce import main

status = main(sys.argv[1:])
assert "ray" not in sys.modules
sys.exit(status)
"""


def arguments(root: Path, *options: str) -> list[str]:
    folders = ["--runs-dir", str(root / "runs"), "--report-dir", str(root / "report")]
    shared = ["--dataset", "digits", "--seeds", "2", "--workers", "2"]
    return [*NAMES, *folders, *shared, *options]


def learned(root: Path) -> dict[str, tuple[Any, ...]]:
    """What each seed came to, without times."""
    found = {}
    for path in sorted(root.glob("runs/*/seed-*.json")):
        record = json.loads(path.read_text())
        weights = path.with_suffix(".safetensors").read_bytes()
        found[f"{path.parent.name}/{path.name}"] = record["scores"], record["curve"], weights
    return found


def test_seeds_come_to_the_same_and_finished_ones_are_not_repeated(tmp_path: Path) -> None:
    here, on_ray = tmp_path / "here", tmp_path / "ray"
    without = [sys.executable, "-c", WITHOUT_RAY, *arguments(here, "--device", "cpu")]
    subprocess.run(without, check=True, capture_output=True)

    first = on_ray / "runs" / "sine" / "seed-0"
    first.parent.mkdir(parents=True)
    for suffix in (".json", ".safetensors"):
        shutil.copy2(here / "runs" / "sine" / f"seed-0{suffix}", first.with_suffix(suffix))
    written = first.with_suffix(".json").stat().st_mtime_ns
    # Short, for the names of its sockets.
    ray_folder = Path(tempfile.gettempdir()) / f"ray-{os.getpid()}"
    os.environ["RAY_TMPDIR"] = str(ray_folder)
    try:
        command = commands.start("training.reproduce", *arguments(on_ray, "--ray"))
        status, printed, errors = commands.finish(command)
    finally:
        del os.environ["RAY_TMPDIR"]
        shutil.rmtree(ray_folder, ignore_errors=True)
    assert status == 0, errors
    assert len(learned(on_ray)) == 4
    assert learned(on_ray) == learned(here)
    assert first.with_suffix(".json").stat().st_mtime_ns == written
    assert all(f"| `{name}`: " in printed for name in NAMES)


def test_a_cluster_that_does_not_answer_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    command = commands.start("training.reproduce", *arguments(tmp_path, "--ray"))
    status, _, errors = commands.finish(command)
    assert status == 1
    assert "error: the cluster at RAY_ADDRESS=127.0.0.1:9 does not answer: " in errors
    assert "Traceback" not in errors
