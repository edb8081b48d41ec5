"""The files of a run: written whole or not at all; permission, absence and damage told apart."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from training.errors import CheckpointError

_MARK = {"written_by": "rowreader"}  # in the metadata of safetensors
_OTHER_FOLDER = "name another folder with --runs-dir"


class DamagedFileError(CheckpointError):
    """A file of a run does not hold what was written."""


class ForeignFileError(CheckpointError):
    """Something that no training run wrote lies where a run is to be written."""


def damaged(path: Path, flaw: Exception, remedy: str) -> DamagedFileError:
    """The error that `path` is damaged."""
    return DamagedFileError(f"{path} is damaged ({flaw}); {remedy}")


def foreign(folder: Path, names: Sequence[str]) -> ForeignFileError:
    """The error that these files in `folder` are not a run's."""
    return ForeignFileError(
        f"{folder} holds {', '.join(names[:5])}, which no training run wrote, so it is left "
        f"alone; move that, or {_OTHER_FOLDER}"
    )


def replace(path: Path, content: bytes) -> None:
    """Write `content` to `path` in one step: a kill or a full disk leaves the old file.

    Raises:
        OSError: naming `path`; the old file is untouched.

    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        # By open(), not by safetensors, which gives its files the mode 0600 whatever the umask.
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)  # a full disk needs the space
        raise OSError(error.errno, error.strerror, str(path)) from error


def read(path: Path, if_lost: str) -> bytes:
    """The content of `path`.

    Args:
        path: of the file.
        if_lost: the remedy if the file is missing.

    Raises:
        CheckpointError: it is missing, or may not or cannot be read.

    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing; {if_lost}") from None
    except PermissionError:
        raise CheckpointError(
            f"{path} may not be read by this user; ask its owner for permission, or {_OTHER_FOLDER}"
        ) from None
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror}); check the disk, or {_OTHER_FOLDER}"
        ) from error


def read_record(path: Path, if_lost: str) -> dict[str, Any]:
    """The JSON object in `path` that describes a run, of any version.

    Raises:
        DamagedFileError: it is not JSON.
        ForeignFileError: it is JSON, but does not describe a run.
        CheckpointError: it is missing, or may not or cannot be read.

    """
    try:
        document = json.loads(read(path, if_lost))
    except ValueError as error:
        raise damaged(path, error, if_lost) from error
    if not (isinstance(document, dict) and {"version", "recipe"} <= document.keys()):
        raise foreign(path.parent, [path.name])
    return document


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write the JSON object that describes a run to `path`, in one step.

    Raises:
        OSError: naming `path`; the old file is untouched.

    """
    replace(path, (json.dumps(record, indent=2) + "\n").encode())


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write named tensors to `path` as safetensors, in one step.

    Raises:
        OSError: naming `path`; the old file is untouched.

    """
    content = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    replace(path, save(content, _MARK))


def is_marked(path: Path) -> bool:
    """Whether `write_tensors` wrote the file at `path`.

    Raises:
        PermissionError: it may not be read.

    """
    try:
        # Opened twice, because safe_open reports a file that may not be read as missing.
        with path.open("rb"), safe_open(path, framework="pt") as file:
            return bool(file.metadata() == _MARK)
    except SafetensorError:
        return False


def read_tensors(path: Path, device: torch.device, if_lost: str) -> dict[str, Tensor]:
    """The named tensors in `path`, on `device`.

    Raises:
        DamagedFileError: it does not hold safetensors.
        CheckpointError: it is missing, or may not or cannot be read.

    """
    content = read(path, if_lost)
    try:
        return {name: tensor.to(device) for name, tensor in load(content).items()}
    except SafetensorError as error:
        raise damaged(path, error, if_lost) from error
