"""The real command that reproduces the tutorials, on a small budget: stopped, killed, gone on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e.robustness.test_kill import DEADLINE, kill_when

pytestmark = pytest.mark.e2e

NAMES = ("lstm-64", "mlp-50", "sine")
SEEDS = 2


def start(root: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "training.reproduce", *NAMES, "--dataset", "digits"]
    folders = ["--runs-dir", str(root / "runs"), "--report-dir", str(root / "report")]
    return subprocess.Popen(
        [*command, *folders, "--seeds", str(SEEDS), "--workers", "2", "--device", "cpu"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def records(root: Path) -> dict[Path, int]:
    """The finished seeds, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in root.glob("runs/*/seed-*.json")}


def test_a_killed_command_goes_on_and_repeats_no_finished_seed(tmp_path: Path) -> None:
    process = start(tmp_path)
    crew: list[psutil.Process] = []

    def reached() -> object:
        crew[:] = psutil.Process(process.pid).children(recursive=True) or crew
        return records(tmp_path)

    kill_when(process, reached)
    process.communicate()
    _, orphans = psutil.wait_procs(crew, timeout=DEADLINE)
    assert orphans == []
    kept = records(tmp_path)
    assert 1 <= len(kept) < SEEDS * len(NAMES)

    process = start(tmp_path)
    printed, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, told.decode()
    for name in NAMES:
        assert f"| `{name}`: " in printed.decode()
    everything = records(tmp_path)
    assert len(everything) == SEEDS * len(NAMES)
    assert everything.items() >= kept.items()
    assert (tmp_path / "report" / "report.md").is_file()

    again = start(tmp_path)
    assert again.communicate(timeout=DEADLINE)[0] == printed
    assert records(tmp_path) == everything


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = start(tmp_path)
    deadline = time.monotonic() + DEADLINE
    while not records(tmp_path):
        assert process.poll() is None, "the command ended before the moment to stop it"
        assert time.monotonic() < deadline, "the moment to stop it never came"
        time.sleep(0.01)  # between two questions, not instead of them
    os.killpg(process.pid, signal.SIGINT)  # as the terminal does: to every process of the group
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    text = told.decode()
    assert "Interrupted; the same command goes on where it stopped." in text
    assert "Traceback" not in text
    assert 1 <= len(records(tmp_path)) < SEEDS * len(NAMES)
