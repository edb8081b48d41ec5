"""Run the project's commands as processes, and stop them at a chosen moment."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from tests.support.polling import poll

DEADLINE = 180.0  # seconds; generous, for machines that do other things, too


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    """The command in a process group of its own, what it prints in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr, once it has ended."""
    output, errors = process.communicate(timeout=DEADLINE)
    return process.returncode, output, errors


def wait_for(process: subprocess.Popen[str], reached: Callable[[], object]) -> None:
    """Return as soon as `reached()` is true, which must be before the process ends."""

    def running() -> object:
        assert process.poll() is None, "the command ended before the moment to stop it"
        return reached()

    # A short pause: what is waited for may last for milliseconds only.
    poll(running, lambda: "the moment to stop it never came", deadline=DEADLINE, pause=0.001)


def kill_when(process: subprocess.Popen[str], reached: Callable[[], object]) -> None:
    """Kill the process by SIGKILL as soon as `reached()` is true."""
    wait_for(process, reached)
    process.kill()
    process.communicate()


def interrupt(process: subprocess.Popen[str]) -> None:
    """Send Ctrl-C as the terminal does: to every process of the group."""
    os.killpg(process.pid, signal.SIGINT)
