"""An image's pixels as an upright array, taken from Pillow a band of rows at a time.

A picture of 50 megapixels takes up to 200 MB in Pillow, and as much again for each conversion and
for each turn; by bands it takes its array and little more.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = TypeVar("Pixels", bound=NDArray[Any])


class _Turn(NamedTuple):
    """How a band is turned and where it goes: to rows or columns, from the first or last on."""

    turned: Callable[[Any], Any]
    to_columns: bool
    from_last: bool


def _rotate(code: int) -> Callable[[Any], Any]:
    return lambda band: cv2.rotate(band, code)


def _flip(code: int) -> Callable[[Any], Any]:
    return lambda band: cv2.flip(band, code)


def _transpose(band: Any) -> Any:
    return cv2.transpose(band)


def _transverse(band: Any) -> Any:
    return cv2.transpose(cv2.flip(band, -1))


def _stay(band: Any) -> Any:
    return band


# By EXIF's orientation; 1, and whatever else a file says, leave a picture as it is.
_TURNS = {
    2: _Turn(_flip(1), to_columns=False, from_last=False),
    3: _Turn(_flip(-1), to_columns=False, from_last=True),
    4: _Turn(_flip(0), to_columns=False, from_last=True),
    5: _Turn(_transpose, to_columns=True, from_last=False),
    6: _Turn(_rotate(cv2.ROTATE_90_CLOCKWISE), to_columns=True, from_last=True),
    7: _Turn(_transverse, to_columns=True, from_last=True),
    8: _Turn(_rotate(cv2.ROTATE_90_COUNTERCLOCKWISE), to_columns=True, from_last=False),
}
_UPRIGHT = _Turn(_stay, to_columns=False, from_last=False)

# Pixels of a band, which has a row at least. Larger: more memory; smaller: more calls.
_BAND_PIXELS = 1 << 20


def collect_upright(
    image: Image.Image, orientation: int, convert: Callable[[Image.Image], Pixels]
) -> Pixels:
    """Convert `image` band by band, and turn it as EXIF's `orientation` says.

    Args:
        image: loaded.
        orientation: from 2 to 8, or any other number for none.
        convert: gives the (h, w) or (h, w, 3) pixels of a band.

    Returns:
        (h, w), or (h, w, 3) if any band is so.

    """
    turn = _TURNS.get(orientation, _UPRIGHT)
    width, height = image.size
    rows = max(1, _BAND_PIXELS // width)
    if rows >= height:
        whole: Pixels = turn.turned(convert(image))
        return whole
    upright: Any = None
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        band = turn.turned(convert(image.crop((0, top, width, bottom))))
        if upright is None:
            shape = (width, height) if turn.to_columns else (height, width)
            upright = np.empty(shape + band.shape[2:], band.dtype)
        elif band.ndim > upright.ndim:
            upright = np.repeat(upright[..., np.newaxis], 3, axis=2)
        place = slice(height - bottom, height - top) if turn.from_last else slice(top, bottom)
        target = upright[:, place] if turn.to_columns else upright[place]
        target[...] = band if band.ndim == upright.ndim else band[..., np.newaxis]
    collected: Pixels = upright
    return collected
