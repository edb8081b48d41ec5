"""Put a finished model folder in its place in one step, so that a kill leaves the old or the new.

A model is written into a hidden folder beside its place (`staging`) and moved there when it is
complete and proven (`publish`). Where something is published already, the two folders are exchanged
by one system call; readers see the old one or the new one, never a mixture and never nothing.
"""

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from models import manifest


@contextlib.contextmanager
def staging(root: Path, name: str) -> Iterator[Path]:
    """A new hidden folder `root/.NAME-PID` to write a model into; removed on leaving.

    What earlier runs left behind when they were killed is cleared first.
    """
    root.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(root, name)
    folder = root / f".{name}-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, target: Path) -> None:
    """Move the complete model folder `staged` to `target`, replacing what is published there.

    Afterwards `staged` is gone, or holds what was replaced; either way it may be deleted.

    Raises:
        ManifestError: `staged` is incomplete or altered; `target` is untouched.
        OSError: the move failed; `target` is untouched.

    """
    manifest.verify(staged, manifest.read(staged))
    for path in staged.iterdir():
        _flush(path)
    _flush(staged)
    if target.exists():
        _exchange(staged, target)
    else:
        staged.rename(target)
    _flush(target.parent)


def _clear_abandoned(root: Path, name: str) -> None:
    aside = root / f".{name}-replaced"
    if aside.exists() and not (root / name).exists():
        aside.rename(root / name)
    for folder in root.glob(f".{name}-*"):
        suffix = folder.name.removeprefix(f".{name}-")
        if suffix.isdigit() and not _is_running(int(suffix)):
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
    """Have the disk hold `path` before anything points to it; a power cut is a kill too."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(first: Path, second: Path) -> None:
    """Swap two folders of one file system, in one step where the system can."""
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
    # No such call here: two renames. A kill between them leaves the old model, whole, in `aside`.
    aside = second.with_name(f".{second.name}-replaced")
    shutil.rmtree(aside, ignore_errors=True)
    second.rename(aside)
    try:
        first.rename(second)
    except OSError:
        aside.rename(second)
        raise
    shutil.rmtree(aside, ignore_errors=True)
