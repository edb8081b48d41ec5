"""Put a finished model folder in its place in one step, so that a kill leaves the old or the new.

A model is written into a hidden folder beside its place (`staging`) and moved there when it is
complete and proven (`publish`). A model that is published there already is exchanged for the new
one by one system call: readers see the old one or the new one, never a mixture and never nothing.
Anything else that lies there is refused by name, and stays.
"""

import contextlib
import ctypes
import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from models import manifest
from models.manifest import FILENAME


class PublishError(Exception):
    """In a model's place lies something that was not published, and must not be replaced."""


@contextlib.contextmanager
def staging(root: Path, name: str) -> Iterator[Path]:
    """A new hidden folder `root/.NAME.staging-PID` to write a model into; removed on leaving.

    Folders that earlier runs left when they were killed are removed first.

    Raises:
        PublishError: something that was not published lies in the model's place.
        OSError: the folder cannot be made.

    """
    root.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(root, name)
    check_replaceable(root / name)
    folder = root / f".{name}.staging-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, target: Path) -> None:
    """Move the complete model folder `staged` to `target`, replacing a model published there.

    Afterwards `staged` is gone, or holds the replaced model; in both cases it may be removed.

    Raises:
        ManifestError: `staged` is incomplete or altered; `target` is untouched.
        PublishError: `target` is not a published model; it is untouched.
        OSError: the move failed; `target` is untouched.

    """
    manifest.verify(staged, manifest.read(staged))
    for path in staged.iterdir():
        _flush(path)
    _flush(staged)
    check_replaceable(target)
    if target.exists():
        _exchange(staged, target)
        if _unpublished(staged):  # somebody put it there since the check
            _exchange(staged, target)
            check_replaceable(target)
    else:
        staged.rename(target)
    _flush(target.parent)


def check_replaceable(target: Path) -> None:
    """Refuse to publish over anything but a model that was published there before.

    That is a folder, and no link, whose manifest names every file in it. The files need not be
    intact: a damaged model can be published again.

    Raises:
        PublishError: naming what lies there, and the remedy.
        OSError: it cannot be looked at.

    """
    if os.path.lexists(target) and (what := _unpublished(target)):
        raise PublishError(
            f"{target} {what}, which was not published by training, so it is left alone; move it "
            "to another place, or name another folder with --models-dir"
        )


def _unpublished(folder: Path) -> str | None:
    """In what `folder` differs from a published model, in words; None if it is one."""
    if folder.is_symlink() or not folder.is_dir():
        return "is a link" if folder.is_symlink() else "is a file"
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    files = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    named = _named_files(folder) if FILENAME in files else set()
    others = [entry.name for entry in entries if entry.name not in files & named]
    if others:
        return f"holds {', '.join(others[:5])}"
    return None if named else "is an empty folder"


def _named_files(folder: Path) -> set[str]:
    """The files of the model that the manifest in `folder` describes; none if it is no manifest."""
    try:
        document = json.loads((folder / FILENAME).read_bytes())
        version, files = document["schema_version"], document["files"]
        return {FILENAME, *(file["path"] for file in files)} if isinstance(version, int) else set()
    except (ValueError, KeyError, TypeError):
        return set()


def _clear_abandoned(root: Path, name: str) -> None:
    aside = _aside(root / name)
    if aside.exists() and not os.path.lexists(root / name) and not _unpublished(aside):
        aside.rename(root / name)
    for folder in root.glob(f".{name}.staging-*"):
        pid = folder.name.rpartition("-")[2]
        if pid.isdigit() and (int(pid) == os.getpid() or not _is_running(int(pid))):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _flush(path: Path) -> None:
    """Have the disk hold `path` before anything points to it; a power cut is a kill, too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(first: Path, second: Path) -> None:
    """Swap two folders of one file system, in one step if the system can."""
    # Python has no name for the call, and plain rename() refuses a target that is not empty.
    flag = {"linux": ("renameat2", 2), "darwin": ("renameatx_np", 2)}.get(sys.platform)
    swap = getattr(ctypes.CDLL(None, use_errno=True), flag[0], None) if flag else None
    if flag and swap:
        here = -100 if sys.platform == "linux" else -2  # AT_FDCWD
        if swap(here, os.fsencode(first), here, os.fsencode(second), flag[1]) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(code, os.strerror(code), str(first), None, str(second))
    # No such call here: three renames. A kill amid them leaves the old model, whole, in `aside`.
    aside = _aside(second)
    check_replaceable(aside)
    shutil.rmtree(aside, ignore_errors=True)
    second.rename(aside)
    try:
        first.rename(second)
    except OSError:
        aside.rename(second)
        raise
    aside.rename(first)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.replaced")
