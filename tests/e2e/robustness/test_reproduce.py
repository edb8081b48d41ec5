"""The real command that reproduces the tutorials, on a small budget: stopped, killed, resumed."""

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support.processes import DEADLINE, finish, kill_when, start, wait_while_it_runs

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAMES = ("lstm-64", "mlp-50", "sine")
SEEDS = 2


def reproduce(root: Path) -> subprocess.Popen[bytes]:
    folders = ["--runs-dir", str(root / "runs"), "--report-dir", str(root / "report")]
    budget = ["--dataset", "digits", "--seeds", str(SEEDS), "--workers", "2", "--device", "cpu"]
    return start("training.reproduce", *NAMES, *budget, *folders)


def records(root: Path) -> dict[Path, int]:
    """The finished seeds, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in root.glob("runs/*/seed-*.json")}


def test_a_killed_command_goes_on_and_repeats_no_finished_seed(tmp_path: Path) -> None:
    process = reproduce(tmp_path)
    workers: list[psutil.Process] = []

    def reached() -> object:
        workers[:] = psutil.Process(process.pid).children(recursive=True) or workers
        return records(tmp_path)

    kill_when(process, reached)
    _, orphans = psutil.wait_procs(workers, timeout=DEADLINE)
    assert orphans == []
    kept = records(tmp_path)
    assert 1 <= len(kept) < SEEDS * len(NAMES)

    printed, _ = finish(reproduce(tmp_path))
    for name in NAMES:
        assert f"| `{name}`: " in printed
    everything = records(tmp_path)
    assert len(everything) == SEEDS * len(NAMES)
    assert everything.items() >= kept.items()
    assert (tmp_path / "report" / "report.md").is_file()

    again, _ = finish(reproduce(tmp_path))
    assert again == printed
    assert records(tmp_path) == everything


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = reproduce(tmp_path)
    wait_while_it_runs(process, lambda: records(tmp_path))
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to every process of the group
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    text = told.decode()
    assert "Interrupted; the same command goes on where it stopped." in text
    assert "Traceback" not in text
    assert 1 <= len(records(tmp_path)) < SEEDS * len(NAMES)
