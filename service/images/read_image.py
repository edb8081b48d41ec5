"""From the bytes of an image to the rows that a model reads: decoding, then normalising."""

from service.images.decode import decode
from service.images.image_file import FORMATS
from service.images.normalising.ink import Finding
from service.images.normalising.normalise import Reading, normalise
from service.images.normalising.redraw import SIDE

__all__ = ["FORMATS", "SIDE", "Finding", "Reading", "read_image"]


# Pixels on the long side with which a JPEG is first looked at. Larger: all photos take longer;
# smaller: more of them are decoded twice.
_GLANCE = 300
# Pixels on a digit's long side below which it is read again in as many as are enough. Larger: more
# photos are decoded twice; smaller: small digits are read from few pixels.
_SMALL_DIGIT = 60


def read_image(data: bytes, max_pixels: int) -> Reading:
    """Read the digit in an encoded picture as MNIST would hold it: 28 x 28, light ink on dark.

    A 28 x 28 picture that is one of MNIST's kind comes back bit for bit, divided by its white.

    Args:
        data: an encoded image in one of `FORMATS`; of several frames, the first counts.
        max_pixels: refuse a picture with more, before decoding it.

    Raises:
        EmptyFileError: there are no bytes.
        NotAnImageError: they are no such image, or a broken one.
        ImageTooLargeError: it has more than `max_pixels` pixels.

    """
    picture = decode(data, max_pixels, _GLANCE)
    reading = normalise(picture)
    if picture.is_reduced and reading.side < _SMALL_DIGIT:
        return normalise(decode(data, max_pixels))
    return reading
