"""Requests within the limits that are made to cost much, by name."""

import io
import json
import struct
from collections.abc import Callable

from PIL import Image

from tests.support.pictures.broken_images.png import chunk, png
from tests.support.pictures.broken_images.tiff import tiff
from tests.support.servers.traffic import Ask

ROWS = (b"\0" + bytes(range(28))) * 28
BYTE, SHORT, LONG, RATIONAL = 1, 3, 4, 5


def images(*files: bytes, field: str = "image", path: str = "/predict") -> Ask:
    """`files` in a form."""
    head = b'--form\r\nContent-Disposition: form-data; name="%b"; filename="x"\r\n\r\n'
    parts = b"".join(head % field.encode() + file + b"\r\n" for file in files)
    return Ask(path, parts + b"--form--\r\n", "multipart/form-data; boundary=form")


def batch(file: bytes, count: int = 256) -> Ask:
    return images(*[file] * count, field="images", path="/predict_batch")


def tags(count: int) -> bytes:
    """A sound TIFF with so many tags more."""
    entries = [(40_000 + i, SHORT, 1, 7) for i in range(count)]
    sound = {
        256: (SHORT, 28), 257: (SHORT, 28), 258: (SHORT, 8), 259: (SHORT, 1), 262: (SHORT, 1),
        277: (SHORT, 1), 278: (SHORT, 28), 279: (LONG, 784),
    }  # fmt: skip
    start = 8 + 2 + 12 * (len(sound) + 1 + count) + 4
    known = [(tag, kind, 1, value) for tag, (kind, value) in sound.items()]
    directory = sorted([*known, (273, LONG, 1, start), *entries])
    packed = b"".join(struct.pack("<HHII", *entry) for entry in directory)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(directory)) + packed + bytes(4 + 784)


def exif(values: int) -> bytes:
    """An EXIF block of one tag of so many fractions."""
    head = b"II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 34_853, RATIONAL, values, 26)
    return head + bytes(4 + 8 * values)


def webp() -> bytes:
    """50 megapixels, transparent and lying on the side, in a hundred bytes."""
    file = io.BytesIO()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGBA", (7_070, 7_070)).save(file, "WEBP", lossless=True, exif=turned)
    return file.getvalue()


def clear_png() -> bytes:
    """49 megapixels of grey and alpha."""
    file = io.BytesIO()
    Image.new("LA", (7_000, 7_000)).save(file, "PNG")
    return file.getvalue()


def jpeg() -> bytes:
    """A small sound one with much metadata."""
    file = io.BytesIO()
    Image.new("L", (28, 28), 200).save(file, "JPEG", quality=90)
    plain = file.getvalue()
    segment = b"\xff\xe1" + struct.pack(">H", 2 + 16) + b"Exif\0\0" + bytes(10)
    return plain[:2] + segment * 200 + plain[2:]


def tensor(shape: list[int]) -> Ask:
    data = {"name": "rows", "shape": shape, "datatype": "FP32", "data": [0]}
    body = json.dumps({"inputs": [data]}).encode()
    return Ask("/v2/models/lstm/infer", body, "application/json")


def sequences(row: str) -> Ask:
    body = b'{"sequences": [[[' + row.encode() + b"]]]}"
    return Ask("/predict_sequences", body, "application/json")


ATTACKS: dict[str, Callable[[], Ask]] = {
    "TIFF, 10 MB of strip offsets": lambda: images(
        tiff((273, BYTE, 10_000_000, 1_000), data=bytes(10_000_000))
    ),
    "TIFF, a tag of 10 MB of fractions": lambda: images(
        tiff((40_000, RATIONAL, 1_250_000, 1_000), data=bytes(10_000_000))
    ),
    "256 TIFFs of 2,400 tags": lambda: batch(tags(2_400)),
    "256 JPEGs of 200 EXIF segments": lambda: batch(jpeg()),
    "PNG, EXIF of 1.2 million fractions": lambda: images(
        png(28, 28, ROWS, extra=chunk(b"eXIf", exif(1_200_000)))
    ),
    "PNG of 160,000 empty pieces": lambda: images(
        png(28, 28, ROWS, extra=chunk(b"IDAT") * 160_000)
    ),
    "PNG, 70 kB before its header": lambda: images(
        b"\x89PNG\r\n\x1a\n" + chunk(b"prVt", bytes(70_000)) + png(28, 28, ROWS)[8:]
    ),
    "PNG of 64 bytes, 7,000 x 7,000": lambda: images(png(7_000, 7_000, b"")),
    "PNG of 49 megapixels, all zeros": lambda: images(png(7_000, 7_000, bytes(7_001 * 7_000))),
    "PNG of 49 megapixels, grey and alpha": lambda: images(clear_png()),
    "WebP of 50 megapixels, transparent, turned": lambda: images(webp()),
    "a shape of 3.3 million numbers": lambda: tensor([1] * 3_300_000),
    "2,500 numbers of 4,000 digits": lambda: sequences(",".join(["1" * 4_000] * 2_500)),
    "10 MB of numbers": lambda: sequences(",".join(["0.123456"] * 1_150_000)),
    "10 MB of empty lists": lambda: sequences(",".join(["[]"] * 3_400_000)),
}
