"""Sound image files in every format, depth and compression that the service reads, by name."""

import functools
import io

import numpy as np
from PIL import ExifTags, Image

from tests.support.published import picture

# What no compression makes smaller than a few hundred bytes: there is something to damage.
PIXELS = np.maximum(picture(7), np.random.default_rng(0).integers(0, 60, (28, 28), np.uint8))

_TIFF = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.copy().save(file, kind, **options)
    return file.getvalue()


@functools.cache
def whole(times: int = 1) -> dict[str, bytes]:
    """Every file is a picture of 28 x 28, or so many times as large on each side."""
    pixels = np.kron(PIXELS, np.ones((times, times), np.uint8))
    grey = Image.fromarray(pixels)
    colour, deep = grey.convert("RGB"), Image.fromarray(pixels.astype("<u2") * 257)
    clear = colour.copy()
    clear.putalpha(grey)
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    described = {"exif": turned, "icc_profile": bytes(range(256))}
    return {
        **{f"png {image.mode}": encode(image, "PNG") for image in (grey, colour, clear, deep)},
        "png 1": encode(grey.convert("1"), "PNG"),
        "png palette": encode(grey.convert("P"), "PNG", transparency=3),
        "png described": encode(grey, "PNG", **described),
        "png frames": encode(grey, "PNG", **_frames(grey)),
        "jpeg L": encode(grey, "JPEG"),
        "jpeg RGB": encode(colour, "JPEG", subsampling=2, restart_marker_blocks=1),
        "jpeg CMYK": encode(colour.convert("CMYK"), "JPEG"),
        "jpeg progressive": encode(colour, "JPEG", progressive=True),
        "jpeg described": encode(grey, "JPEG", **described),
        "mpo": encode(grey, "MPO", **_frames(grey)),
        "webp": encode(colour, "WEBP"),
        "webp lossless": encode(clear, "WEBP", lossless=True),
        "webp described": encode(colour, "WEBP", **described),
        "webp frames": encode(colour, "WEBP", **_frames(grey)),
        "gif": encode(grey, "GIF"),
        "gif interlaced": encode(colour, "GIF", interlace=1, comment=b"x" * 300),
        "gif frames": encode(grey, "GIF", **_frames(grey)),
        "bmp L": encode(grey, "BMP"),
        "bmp RGB": encode(colour, "BMP"),
        "bmp 1": encode(grey.convert("1"), "BMP"),
        **{f"tiff {kind}": encode(colour, "TIFF", compression=kind) for kind in _TIFF},
        "tiff group4": encode(grey.convert("1"), "TIFF", compression="group4"),
        "tiff deep": encode(deep, "TIFF"),
        "tiff float": encode(Image.fromarray(pixels / np.float32(255)), "TIFF"),
        "tiff frames": encode(grey, "TIFF", **_frames(grey)),
        "tiff described": encode(grey, "TIFF", **described),
    }


def _frames(first: Image.Image) -> dict[str, object]:
    """Options that append two more; Pillow leaves its traces in what it saves, so always new."""
    return {"save_all": True, "append_images": [first.rotate(20), first.rotate(40)]}
