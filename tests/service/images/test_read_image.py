"""Photos are first looked at in few pixels, and read again in more where that shows too little."""

import cv2
import numpy as np
import pytest

from service.images.decode import decode
from service.images.normalising.normalise import Reading, normalise
from service.images.read_image import read_image
from tests.support.pictures.drawings import SEVEN, Bytes, canvas, likeness

LIMIT = 10_000_000


def photo(side: int) -> bytes:
    """A JPEG of 1600 x 1200: a seven of `side` pixels on paper."""
    paper = np.random.default_rng(0).normal(210, 3, (1200, 1600))
    digit = cv2.resize(canvas(SEVEN), (side, side), interpolation=cv2.INTER_AREA)
    paper[400 : 400 + side, 700 : 700 + side] *= 0.3 + 0.7 * digit / 255.0
    pixels: Bytes = paper.clip(0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


def in_all_pixels(data: bytes) -> Reading:
    return normalise(decode(data, LIMIT))


def test_a_digit_is_read_alike_in_few_pixels_and_in_many() -> None:
    data = photo(800)
    seen = read_image(data, LIMIT)
    assert likeness(seen.rows, in_all_pixels(data).rows) > 0.95
    assert seen.side < in_all_pixels(data).side  # it did save some


@pytest.mark.parametrize("side", [60, 120])
def test_a_small_digit_is_read_in_more_pixels(side: int) -> None:
    data = photo(side)
    seen, glance = read_image(data, LIMIT), normalise(decode(data, LIMIT, 300))
    assert (seen.rows == in_all_pixels(data).rows).all()
    assert (seen.rows != glance.rows).any()


@pytest.mark.parametrize(("kind", "is_reduced"), [(".jpg", True), (".png", False)])
def test_only_a_jpeg_is_decoded_smaller(kind: str, is_reduced: bool) -> None:
    data = cv2.imencode(kind, np.full((480, 640), 200, np.uint8))[1].tobytes()
    seen = decode(data, LIMIT, 300)
    assert seen.is_reduced is is_reduced
    assert seen.pixels.shape == ((240, 320) if is_reduced else (480, 640))
