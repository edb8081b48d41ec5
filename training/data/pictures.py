"""Pictures of digits in folders `0` to `9`, read as the service reads them.

What is learned is what the service will see: whatever a camera or a pen makes passes through the
service's own reading, by which the 28 x 28 pictures that it has kept come back unchanged.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from service.errors import ApiError
from service.images.read_image import read_image
from training.data.datasets import Split
from training.errors import PicturesError

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
LEAST: Final = 10  # pictures, of which a fifth is held out

_DIGITS: Final = tuple(map(str, range(10)))
_MAX_PIXELS: Final = 89_000_000  # the most that the service can be set to read

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder that can be learned from, each once, and what was left out, why."""

    split: Split  # on the CPU, in the order of labels and names
    digest: str  # SHA-256 of pixels and labels, whatever the files are called
    left_out: tuple[str, ...]


def find_files(folder: Path) -> list[Path]:
    """The files of pictures in `folder/0` to `folder/9`, by label and name; others are passed over.

    Raises:
        PicturesError: there is no such folder, or no such file in it.

    """
    if not folder.is_dir():
        raise PicturesError(f"{folder} is no folder; name one that holds 0/*.png to 9/*.png")
    found = [
        path
        for digit in _DIGITS
        for path in sorted((folder / digit).glob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file() and not path.name.startswith(".")
    ]
    if not found:
        raise PicturesError(
            f"{folder} holds no pictures in folders 0 to 9; put a seven into {folder / '7'}, for "
            "example"
        )
    return found


def read_pictures(files: list[Path], on_picture: Callable[[], object] = lambda: None) -> Pictures:
    """Read `files`, each of which lies in the folder of its label; call `on_picture()` after each.

    The same picture is taken once. It is left out if its label differs from one file to another,
    if the service cannot read it, or sees no digit in it or several.

    Raises:
        PicturesError: fewer than 10 are left.

    """
    left_out: list[str] = []
    first: dict[bytes, Path] = {}  # by pixels, in the order of the files
    contradicted: set[bytes] = set()
    for path in files:
        read = _read(path)
        on_picture()
        if isinstance(read, str):
            left_out.append(f"{_name(path)}: {read}")
            continue
        pixels = read.tobytes()
        same = first.setdefault(pixels, path)
        if _label(same) != _label(path):
            contradicted.add(pixels)
            left_out.append(f"{_name(path)}: is the same picture as {_name(same)}")
        elif same != path:
            left_out.append(f"{_name(path)}: is taken already as {_name(same)}")
    left_out += [
        f"{_name(first[pixels])}: lies in the folder of another digit, too"
        for pixels in sorted(contradicted, key=first.__getitem__)
    ]
    used = {pixels: _label(path) for pixels, path in first.items() if pixels not in contradicted}
    if len(used) < LEAST:
        raise PicturesError(
            f"{len(used)} of {len(files)} pictures can be learned from, expected {LEAST} at least"
            + "".join(f"\n  {reason}" for reason in left_out)
        )
    return Pictures(_split(used), _digest(used), tuple(left_out))


def _read(path: Path) -> Pixels | str:
    """The pixels (28, 28) that a model would see of the file at `path`, or what is wrong."""
    try:
        reading = read_image(path.read_bytes(), _MAX_PIXELS)
    except (ApiError, OSError) as error:
        return str(error)
    if reading.finding:
        return f"the service says of it: {reading.finding}"
    return np.rint(reading.rows * 255).astype(np.uint8)


def _split(used: dict[bytes, int]) -> Split:
    images = np.stack([np.frombuffer(pixels, np.uint8).reshape(28, 28) for pixels in used])
    return Split(torch.from_numpy(images), torch.tensor(list(used.values())))


def _digest(used: dict[bytes, int]) -> str:
    digest = hashlib.sha256()
    for pixels, label in sorted(used.items()):
        digest.update(pixels + bytes([label]))
    return digest.hexdigest()


def _label(path: Path) -> int:
    return int(path.parent.name)


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
