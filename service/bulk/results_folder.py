"""The folder of results: what it was begun with, who works on it, and which parts are there.

_bulk.json            what all rows are made with; the first run writes it, later ones must agree
_names/               the lists of names, see `service.bulk.name_lists`
part-LLLLLL-GGGG.parquet    the rows of a part, written in one step
.lock, _lock.json     held by the process that works on it, on a disk or in a store

Names that begin with `_` or `.` are passed over by whatever reads a folder of Parquet files.
"""

import contextlib
import dataclasses
import datetime
import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
from pyarrow import fs

from service.bulk import name_lists, stores
from service.bulk.errors import FolderError
from service.bulk.name_lists import Part

_RECORD, _LOCK, _REMOTE_LOCK = "_bulk.json", ".lock", "_lock.json"
_PART = re.compile(r"part-(\d{6})-(\d{4})\.parquet")
_LIST = re.compile(r"\d{6}\.parquet")
# How often the holder of a store's lock says that it lives, and when it is taken for dead.
_SIGN_SECONDS, _SILENT_SECONDS = 20, 90


@dataclass(frozen=True)
class Record:
    """What all rows of a folder are made with."""

    source: str
    model: str
    model_sha256: str  # of the file that is run
    part_size: int  # images in a part
    limits: Mapping[str, float]  # the settings that decide which images are refused

    def to_json(self) -> str:
        """The text of `_bulk.json`."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def differences(self, other: "Record") -> list[str]:
        """In what `other` differs, in words."""
        ours, theirs = _flat(self), _flat(other)
        return [
            f"{key} was {ours.get(key)!r} and is now {theirs.get(key)!r}"
            for key in ours | theirs
            if ours.get(key) != theirs.get(key)
        ]


def _flat(record: Record) -> dict[str, Any]:
    fields = dataclasses.asdict(record)
    limits: dict[str, float] = fields.pop("limits")
    return fields | limits


class ResultsFolder:
    """The folder called `name`, a path or an address."""

    def __init__(self, name: str) -> None:
        self.name = name.rstrip("/") if stores.is_remote(name) else stores.local_name(name)
        self._store, self._path = stores.open_store(self.name)

    def begin(self, record: Record) -> None:
        """Make the folder, or go on with one that was begun with the same `record`.

        Raises:
            FolderError: it was begun otherwise, or is not a folder of results.

        """
        earlier = self.record()
        if earlier is None:
            # Hidden ones are of the system: .DS_Store, .nfs0001.
            if others := sorted(file for file in self._files() if not file.startswith("."))[:3]:
                raise FolderError(
                    f"{self.name} holds {', '.join(others)}, which no run of bulk wrote; name a "
                    "new or an empty folder"
                )
            stores.write(self._join(_RECORD), record.to_json().encode())
        elif changes := earlier.differences(record):
            raise FolderError(
                f"{self.name} was begun otherwise: {'; '.join(changes)}; go on as it was begun, "
                "or name another folder with --out, so that all rows of one are made alike"
            )

    def record(self) -> Record | None:
        """What the folder was begun with; None if it was not begun.

        Raises:
            FolderError: `_bulk.json` is damaged.

        """
        try:
            with self._store.open_input_file(f"{self._path}/{_RECORD}") as file:
                return Record(**json.loads(file.read()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise FolderError(
                f"{self._join(_RECORD)} is damaged ({error}); name another folder with --out"
            ) from error

    def lists(self) -> int:
        """How many lists of names there are."""
        return sum(bool(_LIST.fullmatch(file)) for file in self._files(name_lists.FOLDER))

    def finished(self) -> set[Part]:
        """The parts whose rows are there."""
        found = (_PART.fullmatch(file) for file in self._files())
        return {Part(int(match[1]), int(match[2])) for match in found if match}

    def part_name(self, part: Part) -> str:
        """The name of the file of a part's rows."""
        return self._join(part.file_name)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from working on the folder, which is made if it is missing.

        Raises:
            FolderError: another process works on it, or it cannot be made.

        """
        if stores.is_remote(self.name):
            with self._locked_in_store():
                yield
            return
        folder = Path(self._path)
        if folder.exists() and not folder.is_dir():
            raise FolderError(f"{self.name} is a file; name a folder with --out")
        (folder / name_lists.FOLDER).mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / _LOCK, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise FolderError(_in_use(self.name, "another process")) from None
        try:
            self._remove_partial(folder)
            yield
        finally:
            lock.release()

    def _remove_partial(self, folder: Path) -> None:
        """Remove what kills left amid a write: nobody else writes here now."""
        for place in (folder, folder / name_lists.FOLDER):
            for path in place.glob(f".*.parquet.*{stores.PARTIAL}"):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked_in_store(self) -> Iterator[None]:
        """Stores have no locks: a file says who works here, and is renewed while that is so."""
        mine = f"{socket.gethostname()}, process {os.getpid()}, {os.urandom(4).hex()}"
        if (other := self._holder()) and other[1] < _SILENT_SECONDS:
            raise FolderError(
                f"{_in_use(self.name, other[0])}; its last sign of life is {other[1]:.0f} s old, "
                f"and if it was killed, its place is free when that is {_SILENT_SECONDS} s old"
            )
        ended = threading.Event()
        stores.write(self._join(_REMOTE_LOCK), mine.encode())
        # If two came at the same moment, the later one has the place; both look after a while.
        ended.wait(2.0)
        if (other := self._holder()) and other[0] != mine:
            raise FolderError(_in_use(self.name, other[0]))

        def renew() -> None:
            while not ended.wait(_SIGN_SECONDS):
                with contextlib.suppress(OSError):  # the next time, or the run ends by itself
                    stores.write(self._join(_REMOTE_LOCK), mine.encode())

        sign = threading.Thread(target=renew, daemon=True)
        sign.start()
        try:
            yield
        finally:
            ended.set()
            sign.join()
            with contextlib.suppress(OSError):
                self._store.delete_file(f"{self._path}/{_REMOTE_LOCK}")

    def _holder(self) -> tuple[str, float] | None:
        """Who works on the folder, and the seconds since the last sign of it; None for nobody."""
        path = f"{self._path}/{_REMOTE_LOCK}"
        info = self._store.get_file_info(path)
        if info.type != fs.FileType.File:
            return None
        with self._store.open_input_file(path) as file:
            who = bytes(file.read()).decode()
        now = datetime.datetime.now(datetime.UTC)
        return who, (now - info.mtime).total_seconds()

    def _files(self, below: str = "") -> list[str]:
        """The names of the files in the folder, or in one of it, without our own locks."""
        path = f"{self._path}/{below}".rstrip("/")
        found = self._store.get_file_info(fs.FileSelector(path, allow_not_found=True))
        ours = (_LOCK, _REMOTE_LOCK, name_lists.FOLDER)
        return [info.base_name for info in found if info.base_name not in ours]

    def _join(self, file: str) -> str:
        return f"{self.name}/{file}"


def _in_use(folder: str, who: str) -> str:
    return f"{who} works on {folder}; wait until it ends, or name another folder with --out"
