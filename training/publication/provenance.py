"""The versions and the commit of the code that exports a model, for its manifest."""

import importlib.metadata
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import models

_PACKAGES = ("torch", "onnx", "onnxruntime-gpu", "numpy")


def of_export() -> dict[str, Any]:
    """Versions, time and commit of an export that happens now."""
    return {
        "exported_with": {
            "python": platform.python_version(),
            **{name: version for name in _PACKAGES if (version := _version(name))},
        },
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _commit() -> str | None:
    """The checked-out commit, with "+" if a tracked file differs from it; None outside of git.

    The published models do not count: this very export changes them.
    """
    head = _git("rev-parse", "HEAD")
    published = f":(top,exclude){Path(models.__file__).parent.name}/*/*"
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":(top)", published)
    return None if head is None else head + ("+" if changed else "")


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  the arguments are our own
            ["git", *arguments],  # noqa: S607  wherever it is installed
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
