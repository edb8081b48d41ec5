"""`make`, where it has to say what is wrong."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Within `make test` it would speak as a make within a make, which names its folders.
    environ = {name: v for name, v in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def script(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("target", ["serve", "test", "test-all", "train"])
def test_too_old_a_python_is_named_beside_what_is_needed(tmp_path: Path, target: str) -> None:
    old = script(
        tmp_path / "python3.9", 'test "$1" = --version && echo "Python 3.9.2" && exit', "exit 1"
    )
    done = make(target, f"PYTHON={old}", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    needs = "RowReader needs Python 3.11 or newer"
    assert done.stdout.startswith(f"{needs}, {old} is Python 3.9.2; name another with PYTHON=")
    assert not (tmp_path / "venv").exists()


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = make("serve", "PYTHON=python-of-nowhere", f"VENV={tmp_path / 'venv'}")
    assert done.returncode != 0
    assert "3.11 or newer, python-of-nowhere is not installed; name another" in done.stdout
    assert "not found" not in done.stderr


def test_an_occupied_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    script(binaries / "python", f'exec {sys.executable} "$@"')
    script(binaries / "bentoml", "echo started")
    (tmp_path / ".serving").touch()  # as if all were installed
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        done = make("serve", f"PORT={port}", f"VENV={tmp_path}")
        assert done.returncode != 0
        assert f"Port {port} cannot be listened at" in done.stdout
        assert "started" not in done.stdout
        assert "Traceback" not in done.stderr
    assert "started" in make("serve", f"PORT={port}", f"VENV={tmp_path}").stdout


def test_a_folder_that_is_no_environment_is_not_cleaned_away(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("x")
    done = make("clean", f"VENV={thesis.parent}")
    assert done.returncode != 0
    assert f"{thesis.parent} is no virtual environment, so it is left alone" in done.stdout
    assert thesis.read_text() == "x"
