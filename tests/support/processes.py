"""Commands of the project as processes, each stopped at a moment of its work."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

from tests.support.polling import poll

DEADLINE = 180.0  # seconds that a command may take


def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """`python -m module arguments` in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """What a command that must succeed has printed, and what it told of its progress."""
    printed, told = (text.decode() for text in process.communicate(timeout=DEADLINE))
    assert process.returncode == 0, told
    return printed, told


def wait_while_it_runs(process: subprocess.Popen[bytes], reached: Callable[[], object]) -> None:
    """Return as soon as `reached()`, which must come before the command ends."""

    def running() -> object:
        assert process.poll() is None, "the command ended before the moment that was waited for"
        return reached()

    # A short pause: what is waited for may last for milliseconds only.
    poll(running, lambda: "the moment never came", deadline=DEADLINE, pause=0.001)


def kill_when(process: subprocess.Popen[bytes], reached: Callable[[], object]) -> None:
    """Kill the command's first process as soon as `reached()`."""
    wait_while_it_runs(process, reached)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=DEADLINE)  # until those that it had started have ended too
