"""A decoded picture."""

from dataclasses import dataclass

from models.arrays import Floats
from service.images.arrays import Bytes


@dataclass(frozen=True)
class Picture:
    """Pixels in [0, `white`], all of them finite.

    They are (h, w) uint8 or, of a file that is deeper, float32; or (h, w, 3) uint8, red first.
    `is_reduced`: the file holds a larger picture, which can be decoded.
    """

    pixels: Bytes | Floats
    white: float
    is_reduced: bool = False
