"""The project itself: where it lies, and what its files say."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def described() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project


def dependencies() -> list[str]:
    """What serving needs, as pip takes it."""
    needs: list[str] = described()["dependencies"]
    return needs
