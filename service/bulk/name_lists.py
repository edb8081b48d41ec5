"""The lists of names in a folder of results: which images there are, and in which part each is.

`_names/000000.parquet` and so on hold each name once, and a row group of each is a part: what is
read and written in one go. Lists are only ever added to, so that a part stays the same for good.
"""

import functools
import hashlib
import io
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from service.bulk import stores
from service.bulk.sources import COLUMN

FOLDER = "_names"
_DIGEST = 16  # bytes; with 100 million names the odds of two alike are 1 in 10^22
_PARTS_PER_LIST = 1000
_SCHEMA = pa.schema([(COLUMN, pa.string())])


class Part(NamedTuple):
    """Some images that are read in one go: a row group of a list."""

    list: int
    group: int

    @property
    def file_name(self) -> str:
        """Of its results."""
        return f"part-{self.list:06}-{self.group:04}.parquet"


class NameSet:
    """Names that were seen, in 16 bytes each: a hundred million fit into 2 GB."""

    def __init__(self) -> None:
        self._runs: list[NDArray[np.bytes_]] = []  # each sorted, the longest first

    def add(self, names: list[str]) -> list[str]:
        """Those of `names` that were not seen before, each once, in their order."""
        if not names:
            return []
        digests = np.array([_digest(name) for name in names], f"S{_DIGEST}")
        new, first = np.unique(digests, return_index=True)
        fresh = np.ones(len(new), bool)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, new), len(run) - 1)
            fresh &= run[places] != new
        self._keep(new[fresh])
        return [names[index] for index in np.sort(first[fresh])]

    def _keep(self, run: NDArray[np.bytes_]) -> None:
        # Runs of like length are joined, so that there are few of them however many names come.
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.concatenate([self._runs.pop(), run])
            run.sort(kind="stable")
        if len(run):
            self._runs.append(run)


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_DIGEST).digest()


def load(folder: str, lists: int) -> tuple[NameSet, dict[Part, int]]:
    """What the first `lists` lists of `folder` hold: the names, and how many each part has."""
    known, parts = NameSet(), dict[Part, int]()
    for index in range(lists):
        for group in range(_open(folder, index).num_row_groups):
            part = Part(index, group)
            names = read_part(folder, part)
            known.add(names)
            parts[part] = len(names)
    return known, parts


def extend(
    folder: str, lists: int, known: NameSet, names: Iterable[list[str]], part_size: int
) -> dict[Part, int]:
    """Write those of `names` that are not `known` into further lists; give their parts.

    A kill leaves whole lists, whose names the next run knows.
    """
    parts, pending = dict[Part, int](), list[str]()
    most = part_size * _PARTS_PER_LIST
    for batch in names:
        pending += known.add(batch)
        while len(pending) >= most:
            parts |= _write(folder, lists, pending[:most], part_size)
            pending, lists = pending[most:], lists + 1
    if pending:
        parts |= _write(folder, lists, pending, part_size)
    return parts


def _write(folder: str, index: int, names: list[str], part_size: int) -> dict[Part, int]:
    buffer = io.BytesIO()
    pq.write_table(pa.table({COLUMN: names}, _SCHEMA), buffer, row_group_size=part_size)
    stores.write(_list_name(folder, index), buffer.getvalue())
    starts = range(0, len(names), part_size)
    return {
        Part(index, group): min(part_size, len(names) - start) for group, start in enumerate(starts)
    }


def read_part(folder: str, part: Part) -> list[str]:
    """The names of `part`."""
    names: list[str] = _open(folder, part.list).read_row_group(part.group)[COLUMN].to_pylist()
    return names


@functools.lru_cache(maxsize=4)  # its parts come one after the other
def _open(folder: str, index: int) -> pq.ParquetFile:
    store, path = stores.open_store(_list_name(folder, index))
    return pq.ParquetFile(store.open_input_file(path))


def _list_name(folder: str, index: int) -> str:
    return f"{folder}/{FOLDER}/{index:06}.parquet"
