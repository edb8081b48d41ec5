"""From what a client sent to predictions: limits of all images together, and errors in place."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from service.errors import (
    ApiError,
    BatchTooLargeError,
    ImageTooLargeError,
    NotAnImageError,
    UnsupportedMediaTypeError,
)
from service.execution.parser_pool import ParserPool
from service.execution.scheduler import Scheduler
from service.inference.classifier import Prediction
from service.inference.registry import Registry, load
from service.predictor import Predictor
from service.settings import Settings
from service.uploads.form import File, Form
from tests.support.metrics import metrics
from tests.support.pictures.broken_images.corpus import broken
from tests.support.pictures.sound_images import whole

PIXELS = 28 * 28  # of every sound file
SETTINGS = Settings.from_environment(max_pixels=PIXELS, max_batch_pixels=3 * PIXELS)


@pytest.fixture(scope="module")
def registry(models_dir: Path) -> Registry:
    return load(Settings.from_environment(models_dir=models_dir, device="cpu"))


@pytest.fixture
def read(registry: Registry) -> Any:
    """The results of a batch of files, one after the other."""

    def ask(*files: File) -> list[Prediction | ApiError]:
        async def run() -> list[Prediction | ApiError]:
            parser = ParserPool(2, 5.0, 2**30, 60.0, metrics())
            scheduler = Scheduler(parser, 2, 64, 60.0, metrics())
            predictor = Predictor(SETTINGS, scheduler, metrics())
            try:
                form = Form(list(files), None)
                return await predictor.predict_batch(registry.classifier("lstm"), form)
            finally:
                scheduler.close()

        return asyncio.run(run())

    return ask


def test_as_many_pixels_as_allowed_pass(read: Any) -> None:
    results = read(*(whole()[name] for name in ("gif", "tiff raw", "mpo")))
    assert all(isinstance(result, Prediction) for result in results)


def test_more_pixels_than_allowed_are_refused_by_the_headers(read: Any) -> None:
    files = [whole()[name][:-100] for name in ("bmp L", "bmp RGB", "tiff deep", "jpeg L")]
    with pytest.raises(BatchTooLargeError, match="the 4 images have 3136 pixels together, at most"):
        read(*files)


def test_what_is_refused_without_decoding_does_not_count(read: Any) -> None:
    refused = UnsupportedMediaTypeError("pdf")
    too_large = broken()["png of the largest size"]
    results = read(*[whole()["webp"]] * 3, too_large, b"no image", refused)
    assert all(isinstance(result, Prediction) for result in results[:3])
    assert isinstance(results[3], ImageTooLargeError)
    assert isinstance(results[4], NotAnImageError)
    assert results[5] is refused


def test_a_batch_of_nothing_good_is_answered_all_the_same(read: Any) -> None:
    [result] = read(b"no image")
    assert isinstance(result, NotAnImageError)
