"""Tesseract, as a user would call it on a picture of a number: digits only, one page mode.

It is a program of the system: Debian's `tesseract-ocr`.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

# A uniform block of text, a line of text, one word, and text wherever there is some.
MODES = (6, 7, 8, 11)
_WHITELIST = "tessedit_char_whitelist"


def is_installed() -> bool:
    """Whether there is such a program."""
    return shutil.which("tesseract") is not None


def read_all(pictures: Sequence[bytes], mode: int) -> list[str]:
    """The digits that Tesseract reads in each encoded picture, lines divided as in its answer."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for index, data in enumerate(pictures):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            path = Path(folder) / f"{index}.png"
            cv2.imwrite(str(path), np.asarray(pixels))
            paths.append(str(path))
        listed = Path(folder) / "pictures.txt"
        listed.write_text("\n".join(paths) + "\n")
        done = subprocess.run(
            ["tesseract", str(listed), "-", "--psm", str(mode), "-c", f"{_WHITELIST}=0123456789"],
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
    pages = done.stdout.split("\f")
    return ["\n".join(_lines(page)) for page in pages[: len(pictures)]]


def _lines(page: str) -> list[str]:
    return [line for each in page.splitlines() if (line := each.replace(" ", ""))]
