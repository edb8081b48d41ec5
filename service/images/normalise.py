"""From any picture of one digit to the rows that a model reads, made as MNIST was made."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from service.images import background, ink, margins, pixel_blocks, redraw, sheet
from service.images.decode import Picture
from service.images.ink import Finding, Ink
from service.images.redraw import SIDE

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

_WORK = 150  # pixels on the long side where the digit is looked for
_FEW = 32  # pixels on the long side; so small a picture is enlarged first
_SHOWS_A_SHEET = 64  # pixels on the long side, at least
_DEEPEST = 2  # a note on a sheet on a desk
_CLOSE = 60  # a digit smaller than this is looked at again, as near as the picture goes

cv2.setNumThreads(1)  # the service runs several pictures at once, each on its own thread


@dataclass(frozen=True)
class Reading:
    """What a picture shows: `rows` float32 (28, 28) in [0, 1], light ink on dark.

    `finding` is what the picture itself says before a model sees it: nothing in particular,
    `blank` or `not_a_digit` (there is no ink, or none can be told from the ground; rows are all
    zero), or `several_digits` (rows show the one that stands out).
    """

    rows: Floats
    finding: Finding | None = None


def normalise(picture: Picture) -> Reading:
    """The digit in `picture`, as MNIST would hold it; MNIST's own pictures come back unchanged."""
    as_is = _as_mnist(picture)
    if as_is is None:
        picture = Picture(pixel_blocks.undo(picture.pixels), picture.white)
        as_is = _as_mnist(picture)
    if as_is is not None:
        return Reading(as_is)
    return _read(_to_bytes(picture), _DEEPEST)


def _read(pixels: Bytes, deeper: int) -> Reading:
    """The digit in (h, w) or (h, w, 3) `pixels`, or on a sheet in them, and so on."""
    view = background.shrink(pixels, _WORK)
    colour = background.ink_colour(view)
    grey = background.to_grey(view, colour)
    window = margins.inside(grey)
    if grey[window].shape != grey.shape:
        pixels = background.crop(pixels, window, max(pixels.shape[:2]) / max(grey.shape))
        grey = background.to_grey(background.shrink(pixels, _WORK), colour)
    dark = background.is_dark_on_light(grey)
    if max(grey.shape) <= _FEW:
        grey = _enlarge(grey, dark=dark)
    contrast = background.contrast(grey, dark=dark)
    found = ink.find_ink(contrast)
    if deeper and (inner := _on_sheet(pixels, grey, found, deeper)) is not None:
        return inner
    if found is None:
        return Reading(np.zeros((SIDE, SIDE), np.float32), ink.without_ink(contrast))
    finding = found.finding

    def see(part: Bytes) -> Bytes:
        return background.contrast(background.to_grey(part, colour), dark=dark)

    contrast, found = _look_closer(pixels, see, contrast, found)
    return Reading(redraw.to_rows(contrast, found.mask, found.level), finding)


def _on_sheet(pixels: Bytes, grey: Bytes, found: Ink | None, deeper: int) -> Reading | None:
    """What is on a sheet in the picture, if that is not what was `found`."""
    if max(pixels.shape[:2]) < _SHOWS_A_SHEET:
        return None
    if found is not None and not sheet.is_doubtful(grey, found):
        return None
    lying = sheet.find_sheet(grey)
    if lying is None or (found is not None and not sheet.explains(lying, grey, found)):
        return None
    inner = _read(sheet.cut_out(pixels, lying, 2 * _WORK), deeper - 1)
    return inner if inner.finding not in ("blank", "not_a_digit") else None


def _enlarge(view: Bytes, *, dark: bool) -> Bytes:
    """(h, w) with a rim of ground, four times as large and smooth, so that strokes have edges."""
    rim = int(np.quantile(view, 0.9 if dark else 0.1))
    size = 4 * (view.shape[1] + 2), 4 * (view.shape[0] + 2)
    rimmed = np.pad(view, 1, constant_values=rim)
    return np.asarray(cv2.resize(rimmed, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _look_closer(
    pixels: Bytes, see: Callable[[Bytes], Bytes], contrast: Bytes, found: Ink
) -> tuple[Bytes, Ink]:
    """The same digit in more of the `pixels`, whose contrast `see` gives, where it is small."""
    left, top, width, height = cv2.boundingRect(found.mask)
    scale = max(pixels.shape[:2]) / max(contrast.shape)
    if scale <= 1.5 or max(width, height) > _CLOSE:
        return contrast, found
    margin = max(width, height) * 0.6 + 2
    left, top = max(0, int(left - margin)), max(0, int(top - margin))
    right, bottom = int(left + width + 2 * margin), int(top + height + 2 * margin)
    closer = see(
        background.shrink(background.crop(pixels, np.s_[top:bottom, left:right], scale), _WORK)
    )
    near = cv2.dilate(found.mask, np.ones((3, 3), np.uint8))[top:bottom, left:right]
    near = cv2.resize(near, closer.shape[::-1], interpolation=cv2.INTER_LINEAR)
    again = ink.trace(closer, np.asarray(near, dtype=np.uint8))
    return (contrast, found) if again is None else (closer, again)


def _as_mnist(picture: Picture) -> Floats | None:
    """The picture itself where it is one of MNIST's kind.

    That is 28 x 28, light on dark, the ink's box 20 on its long side, its mass in the middle.
    """
    pixels = picture.pixels
    if pixels.shape[:2] != (SIDE, SIDE):
        return None
    if pixels.ndim == 3:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    rows: Floats = pixels.astype(np.float32) / np.float32(picture.white)
    _, _, width, height = cv2.boundingRect((rows > 0.1 * rows.max()).astype(np.uint8))
    total = float(rows.sum())
    if not redraw.BOX - 2 <= max(width, height) <= redraw.BOX or not total > 0:
        return None
    centre = np.arange(SIDE, dtype=np.float32)
    y, x = float(rows.sum(axis=1) @ centre) / total, float(rows.sum(axis=0) @ centre) / total
    return rows if max(abs(y - 14), abs(x - 14)) < 0.75 else None


def _to_bytes(picture: Picture) -> Bytes:
    """8 bits are enough to find ink; of deeper pictures, those that their own range fills."""
    pixels = picture.pixels
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    low, high = float(pixels.min()), float(pixels.max())
    scaled = (pixels - low) * (255 / max(high - low, 1e-3 * picture.white))
    return np.asarray(scaled, dtype=np.uint8)
