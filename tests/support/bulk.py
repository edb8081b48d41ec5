"""Run `python -m service.bulk` as people do, and read what it has written."""

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

from tests.support.project import ROOT
from tests.support.published import picture

NEEDS = "ray and pyarrow are not installed: `pip install '.[bulk]'` brings them"
DEADLINE = 240.0  # seconds; a start of Ray takes ten on a machine that does nothing else


def start(
    source: Path | str, out: Path | str, *options: str, **environ: object
) -> subprocess.Popen[str]:
    """The command in a process group of its own, on two workers."""
    return subprocess.Popen(
        [sys.executable, "-m", "service.bulk", str(source), "--out", str(out), *options],
        cwd=ROOT,
        env={**os.environ, **{name: str(value) for name, value in environ.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, stdout and stderr, once it has ended."""
    try:
        output, errors = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    return process.returncode, output, errors


def run(source: Path | str, out: Path | str, *options: str, **environ: object) -> str:
    """What it prints when all goes well."""
    status, output, errors = finish(start(source, out, *options, **environ))
    assert status == 0, errors
    return output


def refusal(source: Path | str, out: Path | str, *options: str, **environ: object) -> str:
    """The one line that it ends with when it refuses."""
    status, output, errors = finish(start(source, out, *options, **environ))
    assert status == 1, output
    assert "Traceback" not in errors
    return errors.splitlines()[-1].removeprefix("error: ")


def draw(folder: Path, count: int, side: int = 28) -> None:
    """`count` pictures; of 28 x 28, each shows the digit that its number ends with."""
    folder.mkdir(parents=True, exist_ok=True)
    encoded = []
    for digit in range(10):
        pixels = np.kron(picture(digit), np.ones((side // 28, side // 28), np.uint8))
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        encoded.append(file.getvalue())
    for number in range(count):
        (folder / f"{number:05}.png").write_bytes(encoded[number % 10])


def parts(out: Path) -> dict[str, int]:
    """The files of results, and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in out.glob("part-*.parquet")}


def rows(out: Path) -> list[dict[str, Any]]:
    """All rows, as whoever reads the folder gets them."""
    import pyarrow.parquet as pq

    found: list[dict[str, Any]] = pq.read_table(out).to_pylist()
    return found


def by_path(out: Path) -> Mapping[str, dict[str, Any]]:
    """The rows by the path of the image, of which each must be there once."""
    found = rows(out)
    named = {row["path"]: row for row in found}
    assert len(named) == len(found)
    return named


def ray_processes(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All that the command has started."""
    return psutil.Process(process.pid).children(recursive=True)
