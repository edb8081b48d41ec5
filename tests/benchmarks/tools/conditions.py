"""On what, and how undisturbed, something was measured."""

import contextlib
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from tests.support.project import ROOT

PACKAGES = ("onnxruntime-gpu", "torch", "bentoml", "openvino", "fastapi", "litserve")
QUIET = 10.0  # percent of the processors that others may take without being worth a warning


def conditions(seconds: float = 2.0) -> dict[str, str | float | int]:
    """The machine, the versions, the commit, and what others took of the processors just now.

    Args:
        seconds: for how long to look at the others.

    """
    others = psutil.cpu_percent(interval=seconds)
    stolen = psutil.cpu_times_percent(interval=None)
    found: dict[str, str | float | int] = {
        "machine": f"{platform.machine()}, {_processor()}",
        "processors": psutil.cpu_count() or 0,
        "python": platform.python_version(),
        "commit": _commit(),
        "others, %": others,
        "stolen by the host, %": float(getattr(stolen, "steal", 0.0)),
    }
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def sentence(found: dict[str, str | float | int]) -> str:
    """The conditions in words, with a warning where the machine was not quiet."""
    said = ", ".join(f"{name} {value}" for name, value in found.items())
    busy = float(found["others, %"]) > QUIET
    warning = " **The machine was busy with other work: measure again when it is quiet.**"
    return f"{said}.{warning if busy else ''}"


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
