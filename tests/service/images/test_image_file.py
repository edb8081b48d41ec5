"""What an image file is, by its first bytes: never less than it would take to decode it."""

import io
import random
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from service.errors import ApiError
from service.images.decode import count_pixels, decode
from service.images.image_file import FORMATS, FileHeader, sniff_format_and_size
from tests.support.pictures.broken_images.corpus import broken
from tests.support.pictures.broken_images.damage import damaged
from tests.support.pictures.sound_images import encode, whole

LIMIT = 4_000_000
# Files that take Pillow seconds to open.
COSTLY = ("many", "much", "long", "some tags")


def sniffed_as_decoded(data: bytes) -> bool:
    """Whether the first bytes tell the size that Pillow reads of a file that is decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of metadata that Pillow cannot read
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                size = image.size
        except Exception:  # whatever a format of Pillow's may raise
            return True
    try:
        decode(data, LIMIT)
    except ApiError:
        return True
    header = sniff_format_and_size(data)
    return size in ((header.width, header.height), (header.height, header.width))


@pytest.mark.parametrize("name", whole())
def test_a_sound_file_is_known(name: str) -> None:
    kind = {"png": "PNG", "jpeg": "JPEG", "mpo": "JPEG", "webp": "WEBP", "gif": "GIF",
            "bmp": "BMP", "tiff": "TIFF"}[name.split(maxsplit=1)[0]]  # fmt: skip
    assert sniff_format_and_size(whole()[name]) == FileHeader(kind, 28, 28)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_large_file_is_known_by_its_first_bytes(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    data = encode(Image.fromarray(noise), kind)
    assert sniff_format_and_size(data) == FileHeader(kind, 900, 700)
    if kind != "TIFF":  # whose directory may be anywhere
        assert sniff_format_and_size(data[:1000]) == FileHeader(kind, 900, 700)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7", b"RIFF\0\0\0\0AVI ", b"MM\0+" * 9])
def test_what_is_no_image_has_no_format(data: bytes) -> None:
    assert sniff_format_and_size(data) == FileHeader("", 0, 0)


@pytest.mark.parametrize("name", [name for name in broken() if not any(c in name for c in COSTLY)])
def test_a_broken_file_is_no_larger_than_it_says(name: str) -> None:
    assert sniffed_as_decoded(broken()[name])


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(sorted(whole())), st.integers(0, 2**32 - 1))
def test_a_damaged_file_is_no_larger_than_it_says(name: str, seed: int) -> None:
    assert sniffed_as_decoded(damaged(name, random.Random(seed)))


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from([data[:40] for data in whole().values()]), st.binary(max_size=60))
@example(b"II+\0\x08\0\0\0" + bytes(8), b"")
def test_any_beginning_has_a_size_or_none(head: bytes, rest: bytes) -> None:
    header = sniff_format_and_size(head + rest)
    assert (header.width > 0) == (header.height > 0)
    assert 0 <= count_pixels(head + rest, LIMIT) <= LIMIT


def test_a_picture_too_large_to_decode_counts_as_nothing() -> None:
    data = encode(Image.new("L", (1001, 1000)))
    assert count_pixels(data, 1_001_000) == 1_001_000
    assert count_pixels(data, 1_000_000) == 0
    with pytest.raises(ApiError, match="1001 x 1000 pixels, at most 1000000"):
        decode(data, 1_000_000)
