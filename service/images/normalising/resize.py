"""Smaller views of a picture, and windows found in a view cut from the picture itself."""

import cv2
import numpy as np

from service.images.arrays import Bytes


def shrink(pixels: Bytes, longest: int) -> Bytes:
    """Shrink `pixels`, (h, w) or (h, w, 3), to at most `longest` on the longer side.

    Pictures are halved by averaging as long as that suffices, so that every pixel counts.
    """
    while max(pixels.shape[:2]) >= 2 * longest:
        pixels = _halve(pixels)
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Less than a half remains to go, so every pixel is a neighbour of one that is sampled.
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _halve(pixels: Bytes) -> Bytes:
    """Average two by two pixels, for which OpenCV is ten times as fast as for other sizes."""
    height, width = pixels.shape[:2]
    even = pixels[: height & ~1 or 1, : width & ~1 or 1]
    size = (max(1, width // 2), max(1, height // 2))
    return np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def crop(pixels: Bytes, window: tuple[slice, slice], scale: float) -> Bytes:
    """Cut `window`, rows and columns of a view `scale` times smaller, from `pixels`."""
    rows, columns = (slice(round(s.start * scale), round(s.stop * scale)) for s in window)
    return pixels[rows, columns]


def enlarge_smoothly(grey: Bytes, *, dark: bool) -> Bytes:
    """Enlarge (h, w) `grey` four times, with a rim of background, so that strokes get soft edges.

    Args:
        grey: few pixels.
        dark: whether ink is darker than the background.

    """
    rim = int(np.quantile(grey, 0.9 if dark else 0.1))
    size = 4 * (grey.shape[1] + 2), 4 * (grey.shape[0] + 2)
    rimmed = np.pad(grey, 1, constant_values=rim)
    return np.asarray(cv2.resize(rimmed, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
