"""TIFF 6.0 and BigTIFF: a directory of tags that point at strips or tiles of pixels."""

import math
import struct

import numpy as np

from service.images.formats.file_limits import over_limit
from service.images.formats.tiff_directory import (
    LONG,
    LONG8,
    MOST_EXIF_BYTES,
    Directory,
    Entry,
    read_directory,
    read_orientation,
)

_WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES, _PLANES = 256, 257, 258, 259, 277, 284
_STRIPS, _STRIP_BYTES, _ROWS_OF_STRIP = 273, 279, 278
_TILES, _TILE_BYTES, _TILE_WIDTH, _TILE_LENGTH = 324, 325, 322, 323
_COLOURS, _JPEG_TABLES, _XMP = 320, 347, 700
_PIECES = frozenset({_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES})
_NOT_COMPRESSED, _PLANES_APART = 1, 2
_BEAR_ON_PIXELS = _PIECES | frozenset(
    {
        _WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES, _PLANES, _ROWS_OF_STRIP, _TILE_WIDTH,
        _TILE_LENGTH, _COLOURS, _JPEG_TABLES,
        262, 266,  # what values mean, and the order of bits
        292, 293, 317,  # options of the two fax codings, and differences of values
        332, 334, 338, 339,  # inks, further channels, and the format of numbers
        512, 513, 514, 515, 517, 518, 519, 520, 521,  # JPEG as TIFF 6.0 had it
        529, 530, 531, 532,  # YCbCr
    }
)  # fmt: skip

# Tags of a directory. Scanners write some 20, cameras' raw files 130. Larger: crafted files hold
# the interpreter for longer; smaller: such are refused.
_MOST_TAGS = 256


def read_size(data: bytes) -> tuple[int, int]:
    """Read the width and the length."""
    directory = read_directory(data, (_WIDTH, _LENGTH), _MOST_TAGS)
    return directory.number(_WIDTH), directory.number(_LENGTH)


def tile_pixels(data: bytes) -> tuple[int, int]:
    """Read how many pixels a tile has, for which libtiff makes room, and all that it decodes.

    Both are 0 where there are no tiles. Tiles reach beyond the picture's sides.
    """
    directory = read_directory(data, _BEAR_ON_PIXELS, _MOST_TAGS)
    pixels = directory.number(_TILE_WIDTH) * directory.number(_TILE_LENGTH)
    return pixels, pixels * _tiles_of_plane(directory)


def strip(data: bytes) -> tuple[bytes, int]:
    """Leave in a TIFF's directory what bears on the pixels, and no other directory behind it.

    The orientation is read, and does not stay. Many uncompressed strips become one.

    Raises:
        NotAnImageError: it has absurdly many tags, values, strips or tiles.
        ValueError: it is broken.

    """
    directory = read_directory(data, _BEAR_ON_PIXELS | {_XMP}, _MOST_TAGS)
    if directory.length > _MOST_TAGS:
        raise over_limit("tags", _MOST_TAGS)
    if directory.is_cut_off or min(directory.number(_WIDTH), directory.number(_LENGTH)) < 1:
        raise ValueError("a directory cut off, or without a size")
    _check_values(directory)
    _check_pieces(directory)
    entries = dict(directory.entries)
    entries.pop(_XMP, None)
    if directory.number(_COMPRESSION, _NOT_COMPRESSED) == _NOT_COMPRESSED:
        entries |= _join_strips(directory)
    orientation = read_orientation(data, directory.raw(_XMP, MOST_EXIF_BYTES))
    return _with_directory(directory, entries), orientation


# Values of a tag that bears on the pixels, of which some have one for each channel. Larger: Pillow
# makes Python objects of more; smaller: pictures of many channels are refused.
_MOST_VALUES = 16
_MOST_VALUES_OF = {_COLOURS: 3 * 256, _JPEG_TABLES: 65_536}


def _check_values(directory: Directory) -> None:
    """Refuse tags of too many values."""
    for tag, entry in directory.entries.items():
        most = _MOST_VALUES_OF.get(tag, _MOST_VALUES)
        if tag not in (*_PIECES, _XMP) and entry.count > most:
            raise over_limit(f"values of tag {tag}", most)
    if directory.number(_SAMPLES) > _MOST_VALUES:
        raise over_limit("channels", _MOST_VALUES)


def _check_pieces(directory: Directory) -> None:
    """Refuse more strips than there are rows, and more tiles than cover the picture."""
    planes = len(_bits_of_planes(directory))
    strips, tiles = planes * directory.number(_LENGTH), planes * _tiles_of_plane(directory)
    for tag in _PIECES:
        most = strips if tag in (_STRIPS, _STRIP_BYTES) else tiles
        if directory.count(tag) > most:
            raise over_limit("strips" if most == strips else "tiles", most)


def _tiles_of_plane(directory: Directory) -> int:
    """How many tiles it takes to cover the picture; 0 where it has none."""
    width, length = directory.number(_TILE_WIDTH), directory.number(_TILE_LENGTH)
    if min(width, length) < 1:
        if directory.count(_TILES):
            raise ValueError("tiles of no size")
        return 0
    across, down = directory.number(_WIDTH) / width, directory.number(_LENGTH) / length
    return math.ceil(across) * math.ceil(down)


# Uncompressed strips and tiles, of each of which Pillow makes Python objects, in some ten
# microseconds. There are 763 tiles of 256 x 256 in 50 megapixels; strips are joined before, if they
# follow upon each other. Larger: crafted files take longer; smaller: large pictures are refused.
_MOST_PIECES = 5_000


def _join_strips(directory: Directory) -> dict[int, Entry]:
    """Find entries that tell of one strip for each plane, if its strips follow upon each other.

    Scanners write a strip for each row, or for a few.
    """
    offsets, length = np.array(directory.numbers(_STRIPS), np.uint64), directory.number(_LENGTH)
    rows = min(directory.number(_ROWS_OF_STRIP, length), length)
    bits = _bits_of_planes(directory)
    if rows > 0 and len(offsets) == len(bits) * math.ceil(length / rows):
        planes = np.split(offsets, len(bits))
        sizes = [rows * math.ceil(directory.number(_WIDTH) * b / 8) for b in bits]
        if all((np.diff(o) == size).all() for o, size in zip(planes, sizes, strict=True)):
            return _strip_entries(directory, [int(plane[0]) for plane in planes])
    if max(len(offsets), directory.count(_TILES)) > _MOST_PIECES:
        raise over_limit("uncompressed strips or tiles", _MOST_PIECES)
    return {}


def _strip_entries(directory: Directory, offsets: list[int]) -> dict[int, Entry]:
    """The entries that tell of a strip at each of `offsets`, of as many rows as there are."""
    order, form, _, _ = directory.layout
    kind, length = LONG if form == "L" else LONG8, directory.number(_LENGTH)
    packed = struct.pack(f"{order}{len(offsets)}{form}", *offsets)
    return {
        _STRIPS: Entry(kind, len(offsets), packed),
        _ROWS_OF_STRIP: Entry(LONG, 1, struct.pack(f"{order}L", length)),
    }


def _bits_of_planes(directory: Directory) -> list[int]:
    """How many bits a pixel has in each plane: all channels are in one, or each is in its own."""
    samples, bits = directory.number(_SAMPLES, 1), directory.numbers(_BITS) or (1,)
    bits = bits * samples if len(bits) == 1 else bits[:samples]
    return list(bits) if directory.number(_PLANES) == _PLANES_APART else [sum(bits)]


def _with_directory(directory: Directory, entries: dict[int, Entry]) -> bytes:
    """The file with these entries, of which there are no more than before, in its directory."""
    order, offset, counter, _ = directory.layout
    data, width = memoryview(directory.data), struct.calcsize(order + offset)
    form, packed, behind = f"{order}HH{offset}{width}s", [], b""
    for tag, entry in sorted(entries.items()):
        value = entry.value
        if len(value) > width:  # it is put behind all else, and its offset here
            value = struct.pack(order + offset, len(data) + len(behind))
            behind += entry.value
        packed.append(struct.pack(form, tag, entry.kind, entry.count, value))
    count, following = struct.pack(order + counter, len(packed)), bytes(width)
    new = b"".join([count, *packed, following])
    return b"".join([data[: directory.offset], new, data[directory.offset + len(new) :], behind])
