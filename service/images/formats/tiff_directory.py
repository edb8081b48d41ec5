"""The first directory of a TIFF, or of the TIFF that an EXIF block is: tags and their values.

TIFF 6.0 and, with 64-bit offsets, BigTIFF. Of several entries with one tag the first counts.
"""

import re
import struct
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

# Bytes of one value, by its type. Entries of other types are passed over, as TIFF 6.0 asks.
_BYTES_OF_TYPE = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
    16: 8, 17: 8, 18: 8,
}  # fmt: skip
# The whole numbers among them, as `struct` writes them.
_NUMBERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 13: "L", 16: "Q", 17: "q", 18: "Q"}
LONG, LONG8 = 4, 16


class Layout(NamedTuple):
    """How a file writes numbers, each as `struct` does."""

    order: str
    offset: str  # an offset, a count, and the values of an entry
    counter: str  # the number of entries
    header: int  # bytes in front of the first directory's offset


_LAYOUTS = {
    b"II*\0": Layout("<", "L", "H", 4),
    b"MM\0*": Layout(">", "L", "H", 4),
    b"II+\0": Layout("<", "Q", "Q", 8),  # Pillow reads no BigTIFF in the other order
}
SIGNATURES = tuple(_LAYOUTS)


@dataclass(frozen=True)
class Entry:
    """A tag with `count` values of type `kind`: `value` holds them, or the offset of more."""

    kind: int
    count: int
    value: bytes


@dataclass(frozen=True)
class Directory:
    """A directory at an `offset` in `data`, of which `entries` are those that were asked for.

    The file says that there are `length`, and has fewer if it `is_cut_off`.
    """

    data: bytes
    layout: Layout
    offset: int
    length: int
    is_cut_off: bool
    entries: dict[int, Entry]

    def raw(self, tag: int, most: int) -> bytes:
        """The first `most` bytes of a tag's values; fewer, if the file has not so many."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        size = min(most, entry.count * _BYTES_OF_TYPE[entry.kind])
        if entry.count * _BYTES_OF_TYPE[entry.kind] <= len(entry.value):
            return entry.value[:size]
        [at] = struct.unpack(self.layout.order + self.layout.offset, entry.value)
        return self.data[at : at + size]

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers of a tag; none where it is absent, cut off, or of another type."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _NUMBERS:
            return ()
        size = entry.count * _BYTES_OF_TYPE[entry.kind]
        raw = self.raw(tag, size)
        form = f"{self.layout.order}{entry.count}{_NUMBERS[entry.kind]}"
        return struct.unpack(form, raw) if len(raw) == size else ()

    def number(self, tag: int, default: int = 0) -> int:
        """The only number of a tag, or `default`."""
        found = self.numbers(tag) if self.count(tag) == 1 else ()
        return found[0] if found else default

    def count(self, tag: int) -> int:
        """How many values a tag has; 0 where it is absent."""
        return self.entries[tag].count if tag in self.entries else 0


def read_directory(data: bytes, tags: Collection[int], most: int) -> Directory:
    """Read the entries of `tags` among the first `most` of the first directory in `data`.

    Raises:
        ValueError: there is none.

    """
    layout = _LAYOUTS.get(data[:4])
    if layout is None:
        raise ValueError("not a TIFF")
    try:
        [at] = struct.unpack_from(layout.order + layout.offset, data, layout.header)
        [length] = struct.unpack_from(layout.order + layout.counter, data, at)
    except (struct.error, OverflowError) as error:
        raise ValueError("no directory") from error
    form = struct.Struct(f"{layout.order}HH{layout.offset}{struct.calcsize('=' + layout.offset)}s")
    start = at + struct.calcsize("=" + layout.counter)
    present = (len(data) - start) // form.size
    whole = min(length, most, present)
    entries: dict[int, Entry] = {}
    for tag, kind, count, value in form.iter_unpack(data[start : start + whole * form.size]):
        if tag in tags and kind in _BYTES_OF_TYPE and count and tag not in entries:
            entries[tag] = Entry(kind, count, value)
    return Directory(data, layout, at, length, present < length, entries)


_ORIENTATION = 274
# Entries of an EXIF block among which its orientation is sought, about the sixth as they are
# sorted. Larger: crafted blocks take longer; smaller: those of a careless writer say nothing.
_MOST_EXIF_ENTRIES = 256
# Bytes of an EXIF block or an XMP packet in which an orientation is sought, as many as a JPEG's can
# have. Larger: more is copied; smaller: an orientation behind a long text is not found.
MOST_EXIF_BYTES = 65_536
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def read_orientation(exif: bytes, xmp: bytes = b"") -> int:
    """Read how a picture is to be turned, from 1 to 8 as in EXIF; others are as good as 1.

    Args:
        exif: a block with or without its marker, or a TIFF; a broken one says nothing.
        xmp: a packet that is asked if `exif` says nothing.

    """
    exif = exif.removeprefix(b"Exif\0\0").removeprefix(b"Exif\0\0")
    try:
        found = read_directory(exif, (_ORIENTATION,), _MOST_EXIF_ENTRIES)
    except ValueError:
        pass
    else:
        if found.count(_ORIENTATION):
            return found.number(_ORIENTATION, 1)
    match = _XMP_ORIENTATION.search(xmp, 0, MOST_EXIF_BYTES)
    return int(match[1]) if match else 1
