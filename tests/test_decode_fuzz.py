"""Image files that are nearly sound, of every format: read or refused, nothing else."""

import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from service.decode import count_pixels
from service.errors import ApiError
from service.preprocess import read_image
from tests.whole import whole

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of metadata it cannot read

LIMIT = 100_000
HEADER = 64  # bytes; where most of what a format says of itself stands
# What numbers of a header go wrong at.
ODD = st.sampled_from([b"\0", b"\xff", b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\x80"])

SOUND = st.sampled_from(sorted(whole())).map(whole().__getitem__)


@st.composite
def places(draw: st.DrawFn, data: bytes) -> int:
    """A place in `data`, in its header as often as behind."""
    last = len(data) - 1
    return draw(st.integers(0, min(HEADER, last)) | st.integers(0, last))


@st.composite
def overwritten(draw: st.DrawFn, data: bytes) -> bytes:
    at, new = draw(places(data)), draw(ODD | st.binary(min_size=1, max_size=4))
    return data[:at] + new + data[at + len(new) :]


@st.composite
def flipped(draw: st.DrawFn, data: bytes) -> bytes:
    at, bit = draw(places(data)), draw(st.integers(0, 7))
    return data[:at] + bytes((data[at] ^ 1 << bit,)) + data[at + 1 :]


@st.composite
def without_a_piece(draw: st.DrawFn, data: bytes) -> bytes:
    first, last = sorted((draw(places(data)), draw(places(data))))
    return data[:first] + data[last:] or data


@st.composite
def repeated(draw: st.DrawFn, data: bytes) -> bytes:
    first, last = sorted((draw(places(data)), draw(places(data))))
    return data[:last] + data[first:last] * draw(st.integers(1, 20)) + data[last:]


@st.composite
def spliced(draw: st.DrawFn, data: bytes) -> bytes:
    other = draw(SOUND)
    return data[: draw(places(data))] + other[draw(places(other)) :]


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> bytes:
    return data[: draw(places(data)) + 1]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = draw(SOUND)
    for _ in range(draw(st.integers(1, 4))):
        way = draw(st.sampled_from([overwritten, flipped, without_a_piece, repeated, spliced, cut]))
        data = draw(way(data))
    return data


@settings(max_examples=1500, deadline=None)
@given(damaged())
def test_a_damaged_file_is_read_or_refused(data: bytes) -> None:
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
