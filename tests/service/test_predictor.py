"""The work behind a request: limits of all its images together."""

import pytest

from service.errors import BatchTooLargeError, ImageTooLargeError, UnsupportedMediaTypeError
from service.metrics import metrics
from service.predictor import Reader
from service.settings import Settings
from tests.support.broken_images.corpus import broken
from tests.support.sound_images import whole

PIXELS = 28 * 28  # of every sound file
READER = Reader(
    Settings.from_environment(max_pixels=PIXELS, max_batch_pixels=3 * PIXELS), metrics()
)


def test_as_many_pixels_as_allowed_pass() -> None:
    READER.check_pixels([whole()[name] for name in ("gif", "tiff raw", "mpo")])


def test_more_pixels_than_allowed_are_refused_by_the_headers() -> None:
    files = [whole()[name][:-100] for name in ("bmp L", "bmp RGB", "tiff deep", "jpeg L")]
    with pytest.raises(BatchTooLargeError, match="the 4 images have 3136 pixels together, at most"):
        READER.check_pixels(files)


def test_what_is_refused_without_decoding_does_not_count() -> None:
    sound = [whole()["webp"]] * 3
    too_large = broken()["png of the largest size"]
    READER.check_pixels([*sound, too_large, b"", b"no image", UnsupportedMediaTypeError("pdf")])
    assert isinstance(READER.read(too_large), ImageTooLargeError)


def test_a_refused_file_stays_refused() -> None:
    refused = UnsupportedMediaTypeError("pdf")
    assert READER.read(refused) is refused
