"""Image files that are nearly sound, of every format: read or refused, nothing else."""

import random

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from service.errors import ApiError
from service.images.decode import count_pixels
from service.images.read_image import read_image
from tests.support.pictures.broken_images.damage import damaged
from tests.support.pictures.sound_images import whole

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of metadata it cannot read

LIMIT = 100_000


@settings(max_examples=1500, deadline=None)
@given(st.sampled_from(sorted(whole())), st.integers(0, 2**32 - 1))
def test_a_damaged_file_is_read_or_refused(name: str, seed: int) -> None:
    data = damaged(name, random.Random(seed))
    try:
        rows = read_image(data, LIMIT).rows
    except ApiError as error:
        assert str(error).isprintable()  # noqa: PT017
        event(error.code)
        return
    event("read")
    assert rows.shape == (28, 28)
    assert ((rows >= 0) & (rows <= 1)).all()
    assert 0 < count_pixels(data, LIMIT) <= LIMIT


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=100))
@example(b"II+\0\x08\0\0\0" + bytes(8))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    assert 0 <= count_pixels(data, LIMIT) <= LIMIT
    try:
        read_image(data, LIMIT)
    except ApiError as error:
        event(error.code)
