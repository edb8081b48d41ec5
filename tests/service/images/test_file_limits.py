"""What costs much although it is small: refused, or read for the price of its pixels."""

import contextlib
import io
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from service.errors import ApiError, ImageTooLargeError, NotAnImageError
from service.images.decode import decode
from service.images.image_file import sniff_format_and_size
from service.images.read_image import read_image
from tests.support.pictures.broken_images import jpeg, tiff
from tests.support.pictures.broken_images.corpus import broken
from tests.support.pictures.sound_images import PIXELS, encode, whole
from tests.support.project import ROOT

LIMIT = 4_000_000


def seconds(data: bytes) -> float:
    """Of the processor, that it takes to decode or to refuse `data`, at best."""
    times = []
    for _ in range(3):
        start = time.process_time()
        with contextlib.suppress(ApiError):
            decode(data, LIMIT)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("name", broken())
def test_a_broken_file_is_read_or_refused_at_once(name: str) -> None:
    """Some took seconds, and one half a minute."""
    data = broken()[name]
    try:
        rows = read_image(data, LIMIT).rows
    except ApiError as error:
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert rows.shape == (28, 28)
        assert ((rows >= 0) & (rows <= 1)).all()
    assert seconds(data) < 0.1


@pytest.mark.parametrize("name", broken())
def test_the_size_of_a_broken_file_is_known_at_once(name: str) -> None:
    start = time.process_time()
    for _ in range(10):
        sniff_format_and_size(broken()[name])
    assert time.process_time() - start < 0.05, "5 ms each, a tenth of which it really takes"


@pytest.mark.parametrize(
    ("name", "pieces"),
    [
        ("jpeg with much exif", "300 segments"),
        ("jpeg of many segments", "300 segments"),
        ("jpeg of much padding", "16384 bytes between segments"),
        ("jpeg of many tables", "4096 bytes of tables"),
        ("jpeg of many scans", "50 scans"),
        ("gif of many comments", "1000 blocks"),
        ("gif of a long comment", "1000 blocks"),
        ("gif of many extensions", "1000 blocks"),
        ("gif of much padding", "1000 blocks"),
        ("tiff of many tags", "256 tags"),
        ("tiff of some tags", "256 tags"),
        ("tiff of many strips", "28 strips"),
        ("tiff of too many tiles", "4 tiles"),
        ("tiff of many channels", "16 channels"),
        ("bmp of short runs", "500000 bytes of runs"),
        ("bmp of jumps", "500000 bytes of runs"),
        ("bmp of ends of lines", "1000000 pixels packed by runs"),
        ("bmp of many colours", "256 colours"),
        ("png of many orientations", "5000 chunks"),
        ("png of many profiles", "5000 chunks"),
        ("png of many profiles behind", "5000 chunks"),
        ("png of many chunks", "5000 chunks"),
        ("png of many empty pieces", "5000 chunks"),
        ("extended webp of many chunks", "5000 chunks"),
    ],
)
def test_a_file_in_absurdly_many_pieces_is_refused(name: str, pieces: str) -> None:
    with pytest.raises(NotAnImageError, match=f"stored in more than {pieces}; save it again"):
        read_image(broken()[name], LIMIT)


@pytest.mark.parametrize(
    "name",
    ["png of much text", "png with much exif", "png of frames that are not there",
     "jpeg with much exif in few segments", "tiff of many rationals", "tiff of a huge tile, denied",
     "webp with much exif", "webp of many chunks"],
)  # fmt: skip
def test_what_does_not_bear_on_the_pixels_is_passed_over(name: str) -> None:
    assert read_image(broken()[name], LIMIT).rows.shape == (28, 28)


def test_a_png_begins_with_its_header() -> None:
    with pytest.raises(NotAnImageError, match="broken"):
        read_image(broken()["png of data before its header"], LIMIT)


def test_a_jpeg_of_many_scans_is_refused_and_one_of_all_that_encoders_write_is_read() -> None:
    with pytest.raises(NotAnImageError, match="more than 50 scans"):
        read_image(jpeg.scans(50), LIMIT)
    assert read_image(jpeg.scans(40), LIMIT).rows.shape == (28, 28)


def test_scans_of_previews_do_not_count() -> None:
    film = b"\xff\xda\0\x08" * 100  # as phones put it behind the picture
    for name in ("jpeg L", "jpeg progressive"):
        sound = whole()[name]
        preview = jpeg.segment(0xE1, b"Exif\0\0" + jpeg.scans(60))
        with_preview = sound[:2] + preview + sound[2:]
        np.testing.assert_array_equal(
            decode(with_preview + film, LIMIT).pixels, decode(sound, LIMIT).pixels
        )


def test_a_tile_counts_as_what_it_takes_to_decode_it() -> None:
    with pytest.raises(ImageTooLargeError, match="a tile of 1800000000 pixels, at most 4000000"):
        read_image(broken()["tiff of a huge tile"], LIMIT)
    with pytest.raises(ImageTooLargeError, match="tiles of 128000000 pixels, at most 4000000"):
        read_image(broken()["tiff of tiles far beyond it"], LIMIT)


@pytest.mark.parametrize(("order", "large"), [("<", False), (">", False), ("<", True)])
def test_a_tiff_of_tiles_is_read(order: str, large: bool) -> None:
    pixels = PIXELS[:16, :16]
    data = tiff.tiled(pixels.tobytes(), 16, order=order, large=large)
    np.testing.assert_array_equal(decode(data, 16 * 16).pixels, pixels)
    with pytest.raises(ImageTooLargeError, match="a tile of 1024 pixels, at most 1023"):
        decode(tiff.tiled(bytes(1024), 32, order=order, large=large), 1023)


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize(("order", "large"), [("<", False), (">", False), ("<", True)])
def test_a_tiff_of_a_strip_for_each_row_is_read(order: str, large: bool, planes: int) -> None:
    """So do scanners write them."""
    pixels = np.random.default_rng(0).integers(0, 256, (planes, 150, 40), np.uint8)
    data = tiff.in_rows(pixels, order=order, large=large)
    expected = np.moveaxis(pixels, 0, 2) if planes == 3 else pixels[0]
    np.testing.assert_array_equal(decode(data, LIMIT).pixels, expected)
    with pytest.raises(NotAnImageError, match="broken"):
        decode(data[:-41], LIMIT)


def test_a_tiff_whose_directory_is_cut_off_is_broken() -> None:
    data = whole()["tiff group4"]  # its directory is behind the pixels
    with pytest.raises(NotAnImageError, match="broken"):
        decode(data[: int(0.9 * len(data))], LIMIT)


@pytest.mark.parametrize("name", whole())
def test_a_sound_picture_loses_nothing(name: str) -> None:
    """The pixels are those that Pillow reads of the file as it came."""
    with Image.open(io.BytesIO(whole()[name])) as image:
        mode = image.mode
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    decoded = decode(whole()[name], LIMIT).pixels
    if mode == "RGBA" or mode.startswith(("I", "F")) or name == "png palette":
        assert decoded.shape[:2] == expected.shape[:2]  # tested with their own rules elsewhere
        return
    shown = decoded if decoded.ndim == 3 else np.repeat(decoded[..., None], 3, axis=2)
    np.testing.assert_array_equal(shown, expected)


def animation(kind: str, frames: int) -> bytes:
    pictures = [PIXELS.copy() for _ in range(frames)]
    for number, other in enumerate(pictures[1:]):
        other[number % 28, number // 28 % 28] ^= 0xFF  # alike, they would be saved as one
    first, *others = map(Image.fromarray, pictures)
    return encode(first, kind, save_all=True, append_images=others)


@pytest.mark.parametrize(
    ("kind", "many"),
    [("GIF", 10_000), ("TIFF", 1_000), ("PNG", 1_000), ("MPO", 200), ("WEBP", 200)],
)
def test_frames_behind_the_first_cost_nothing(kind: str, many: int) -> None:
    few, long = animation(kind, 2), animation(kind, many)
    assert len(long) > 10 * len(few)
    np.testing.assert_array_equal(decode(long, LIMIT).pixels, decode(few, LIMIT).pixels)
    assert seconds(long) < 0.1 * many * seconds(few)


def transparent(side: int) -> Image.Image:
    return Image.new("RGBA", (side, side), (10, 20, 30, 128))


TURNED = Image.Exif()
TURNED[ExifTags.Base.Orientation] = 6
# What a process starts with is no part of this figure, as it is of that of `getrusage`.
PEAK = """
import re, sys
from pathlib import Path
from service.images.decode import decode

def peak():
    return int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])

before = peak()
decode(Path(sys.argv[1]).read_bytes(), 50_000_000)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
@pytest.mark.parametrize(
    ("image", "kind", "most"),
    [
        (transparent(3_000), "WEBP", 24),
        (transparent(3_000).convert("LA"), "PNG", 12),
        (transparent(3_000), "PNG", 12),
        (Image.new("RGB", (3_000, 3_000), (10, 20, 30)), "PNG", 11),
    ],
)
def test_a_turned_picture_takes_few_bytes_for_each_pixel(
    tmp_path: Path, image: Image.Image, kind: str, most: int
) -> None:
    """Pillow takes 4 and, for a WebP, 16; the pixels take up to 3."""
    options = {"lossless": True, "method": 0} if kind == "WEBP" else {}
    path = tmp_path / "picture"
    path.write_bytes(encode(image, kind, exif=TURNED, **options))
    command = [sys.executable, "-c", PEAK, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert 1024 * int(ran.stdout) / (image.width * image.height) < most
