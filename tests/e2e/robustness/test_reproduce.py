"""The real command that reproduces the tutorials, on a small budget: stopped, killed, gone on."""

import subprocess
from pathlib import Path

import psutil
import pytest

from tests.support.training import commands
from tests.support.training.commands import DEADLINE, finish, interrupt, kill_when, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

NAMES = ("lstm-64", "mlp-50", "sine")
SEEDS = 2


def start(root: Path) -> subprocess.Popen[str]:
    folders = ["--runs-dir", str(root / "runs"), "--report-dir", str(root / "report")]
    options = ["--dataset", "digits", "--seeds", str(SEEDS), "--workers", "2", "--device", "cpu"]
    return commands.start("training.reproduce", *NAMES, *folders, *options)


def records(root: Path) -> dict[Path, int]:
    """The finished seeds, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in root.glob("runs/*/seed-*.json")}


def workers(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that train, of which each has its own command line."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_a_killed_command_goes_on_and_repeats_no_finished_seed(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for(process, lambda: records(tmp_path))
    trained_by = workers(process)
    kill_when(process, lambda: True)
    _, orphans = psutil.wait_procs(trained_by, timeout=DEADLINE)
    assert len(trained_by) == 2
    assert orphans == []
    kept = records(tmp_path)
    assert 1 <= len(kept) < SEEDS * len(NAMES)

    status, printed, errors = finish(start(tmp_path))
    assert status == 0, errors
    for name in NAMES:
        assert f"| `{name}`: " in printed
    everything = records(tmp_path)
    assert len(everything) == SEEDS * len(NAMES)
    assert everything.items() >= kept.items()
    assert (tmp_path / "report" / "report.md").is_file()

    assert finish(start(tmp_path))[:2] == (0, printed)
    assert records(tmp_path) == everything


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for(process, lambda: records(tmp_path))
    trained_by = workers(process)
    interrupt(process)
    status, _, errors = finish(process)
    assert status == 130
    assert "Interrupted; the same command goes on where it stopped." in errors
    assert "Traceback" not in errors
    assert not any(worker.is_running() for worker in trained_by)
    assert 1 <= len(records(tmp_path)) < SEEDS * len(NAMES)


def test_a_killed_worker_is_one_error_and_keeps_what_is_finished(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_for(process, lambda: records(tmp_path))
    first, second = workers(process)
    first.kill()
    status, _, errors = finish(process)
    assert status == 1
    lines = [line for line in errors.splitlines() if not line.startswith("reproduce:")]
    [error] = [line for line in lines if line.strip()]
    assert error.startswith("error: a training process was killed, perhaps for want of memory; ")
    assert error.endswith("goes on where it stopped, with fewer --workers")
    assert not second.is_running()
    assert 1 <= len(records(tmp_path)) < SEEDS * len(NAMES)
