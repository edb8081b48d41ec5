"""Strips as a reader of lines gets them, of digits that anybody can read."""

import cv2
import numpy as np

from models.arrays import Floats


def written(text: str) -> Floats:
    """A strip (32, W) of the digits `text`, by the strokes of a plotter's font."""
    page = np.zeros((90, 60 * len(text) + 60), np.uint8)
    cv2.putText(page, text, (30, 70), cv2.FONT_HERSHEY_SIMPLEX, 2, 255, 7, cv2.LINE_AA)
    left, top, width, height = cv2.boundingRect(page)
    ink = page[top : top + height, left : left + width]
    size = (round(width * 26 / height), 26)
    fitted = cv2.resize(ink, size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.pad(fitted, ((3, 3), (8, 8))) / 255, np.float32)
