"""Tensors as the Open Inference Protocol sends them, in JSON or as bytes, into float32 arrays."""

import functools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.arrays import Floats
from models.manifest import Tensor
from service.errors import (
    BatchTooLargeError,
    EmptyBatchError,
    MalformedRequestError,
    MissingFieldError,
    NotFiniteError,
    UnexpectedFieldError,
    UnknownTensorError,
    WrongShapeError,
    WrongTypeError,
    quote,
)
from service.open_inference.messages import DATATYPE, WIRE, InputParameters, RequestInput
from service.uploads.json_body import count, decode
from service.uploads.number_ranges import check_range

# Bytes of JSON of a shape. One of eight axes has 200 at most; 8 KiB are read in 0.1 ms. More is
# refused unread, for millions of lengths would take a quarter of a second.
_MAX_SHAPE_BYTES = 8 * 1024
# Bytes of JSON of a tensor's data that are read uncounted, in 1 ms at most, whatever they hold.
_UNCOUNTED_BYTES = 64 * 1024

_OPENING = re.compile(rb"\s*(?:\[\s*)*")
_REMEDY = "scale the values to what the model was made for"
_SHAPE = msgspec.json.Decoder(list[int])


def read_tensors(
    declared: Sequence[Tensor], sent: Sequence[RequestInput], binary: memoryview, max_axis: int
) -> dict[str, Floats]:
    """Every declared tensor by name, in its shape and within its range.

    Args:
        declared: what the model's manifest says of its inputs.
        sent: the tensors of the request, in its order.
        binary: the bytes behind the JSON; they hold the binary tensors in the order of `sent`.
        max_axis: the longest that an axis may be which the manifest leaves free.

    Raises:
        UnknownTensorError, UnexpectedFieldError, MissingFieldError: it is not each tensor once, or
            not each with data in one place.
        WrongTypeError: a datatype is not FP32, or the data are no numbers.
        WrongShapeError: a shape is not as declared, or the data do not fill it; free axes of one
            name must be of one length.
        EmptyBatchError, BatchTooLargeError: a free axis is empty, or longer than `max_axis`.
        MalformedRequestError: `binary` has fewer bytes than the tensors say, or more.
        NotFiniteError, OutOfRangeError: naming the first offending index.

    """
    tensors = {tensor.name: tensor for tensor in declared}
    check_names([tensor.name for tensor in sent], tensors, "input")
    if missing := [name for name in tensors if name not in {tensor.name for tensor in sent}]:
        raise MissingFieldError(
            f"inputs lacks {', '.join(map(repr, missing))}; expected {', '.join(tensors)}"
        )
    axes: dict[str, int] = {}
    arrays = {}
    values: NDArray[Any]
    for i, tensor in enumerate(sent):
        declared_as = tensors[tensor.name]
        _check_datatype(tensor)
        shape = _read_shape(declared_as, tensor, f"inputs[{i}].shape")
        _check_shape(declared_as, shape, axes, max_axis)
        text, size = _locate(tensor)
        if size is None:
            values = _from_json(text, shape, f"inputs[{i}].data")
        else:
            values, binary = _from_bytes(tensor.name, shape, binary, size)
        arrays[tensor.name] = _in_range(values, declared_as)
    if binary:
        raise MalformedRequestError(
            f"{len(binary)} bytes follow the last binary tensor; expected none: "
            "each binary_data_size and the header's length must add up to the body"
        )
    return arrays


def check_names(names: Iterable[str], known: Iterable[str], kind: str) -> None:
    """Refuse an input or output that the model has not, or that is named twice.

    Raises:
        UnknownTensorError, UnexpectedFieldError: naming it.

    """
    known, seen = list(known), set()
    for name in names:
        if name not in known:
            raise UnknownTensorError(
                f"the model has no {kind} {quote(name)}, expected: {', '.join(known)}"
            )
        if name in seen:
            raise UnexpectedFieldError(f"the {kind} {name!r} is named twice; name it once")
        seen.add(name)


def _check_datatype(sent: RequestInput) -> None:
    if sent.datatype != DATATYPE:
        raise WrongTypeError(
            f"input {sent.name!r} is of datatype {quote(sent.datatype)}, expected {DATATYPE}; "
            "convert it to 32-bit floats"
        )


def _read_shape(declared: Tensor, sent: RequestInput, place: str) -> list[int]:
    """The shape as it is sent, lengths still unchecked."""
    text = memoryview(sent.shape)
    try:
        if len(text) <= _MAX_SHAPE_BYTES:
            return _SHAPE.decode(text)
    except msgspec.DecodeError:
        expected = f"expected {show_dims(declared.dims)}"
        return decode(_SHAPE, text, expected, place=place)  # which says what is wrong with it
    raise WrongShapeError(
        f"{place} is a text of {len(text)} bytes, expected {show_dims(declared.dims)}"
    )


def _check_shape(
    declared: Tensor, shape: Sequence[int], axes: dict[str, int], max_axis: int
) -> None:
    """`shape` against the manifest; `axes` holds the free axes that are known so far."""
    if len(shape) != len(declared.dims):
        raise WrongShapeError(_mismatch(declared, shape))
    for length, dim in zip(shape, declared.dims, strict=True):
        if isinstance(dim, int) or length < 0:
            if length != dim:
                raise WrongShapeError(_mismatch(declared, shape))
        elif length == 0:
            raise EmptyBatchError(f"{_mismatch(declared, shape)} with {dim} at least 1")
        elif length > max_axis:
            raise BatchTooLargeError(
                f"{_mismatch(declared, shape)}; {dim} may be at most {max_axis}; send several "
                "requests"
            )
        elif axes.setdefault(dim, length) != length:
            raise WrongShapeError(
                f"{_mismatch(declared, shape)}; {dim} is {axes[dim]} in another input"
            )


def _mismatch(declared: Tensor, shape: Sequence[int]) -> str:
    expected = show_dims(declared.dims)
    return f"input {declared.name!r} has shape {quote(shape)}, expected {expected}"


def show_dims(dims: Sequence[int | str]) -> str:
    """Dims for a message: `[batch, 28, 28]`."""
    return f"[{', '.join(map(str, dims))}]"


def _locate(sent: RequestInput) -> tuple[memoryview, int | None]:
    """A tensor's data as JSON, or else how many bytes behind the JSON are it."""
    parameters = sent.parameters or InputParameters()
    if parameters.shared_memory_region is not msgspec.UNSET:
        raise UnexpectedFieldError(
            f"input {sent.name!r} lies in shared memory, which is never read; send its data"
        )
    text, size = memoryview(sent.data or b"null"), parameters.binary_data_size
    in_json = bytes(text[:5]) != b"null"
    if in_json and size is not None:
        raise UnexpectedFieldError(
            f"input {sent.name!r} has both `data` and binary_data_size; send one of them"
        )
    if not in_json and size is None:
        raise MissingFieldError(
            f"input {sent.name!r} has no data; send `data`, or binary_data_size and the bytes"
        )
    return text, size


def _from_bytes(
    name: str, shape: Sequence[int], binary: memoryview, size: int
) -> tuple[Floats, memoryview]:
    """The tensor at the front of `binary`, and what lies behind it."""
    expected = math.prod(shape) * WIRE.itemsize
    if size != expected:
        raise WrongShapeError(
            f"binary_data_size of input {name!r} is {quote(size)}, expected {expected}: "
            f"{WIRE.itemsize} bytes for each number of shape {shape}"
        )
    if size > len(binary):
        raise MalformedRequestError(
            f"input {name!r} should have {size} bytes behind the JSON, {len(binary)} are left;"
            " send them all, and the length of the JSON as Inference-Header-Content-Length"
        )
    values = np.frombuffer(binary[:size], WIRE).reshape(shape)
    # Behind JSON of any length the numbers may lie askew, which a backend need not take.
    return np.require(values, np.float32, ["C", "A"]), binary[size:]


def _from_json(data: memoryview, shape: Sequence[int], place: str) -> NDArray[np.float64]:
    """The tensor's numbers, written flat or nested."""
    numbers = math.prod(shape)
    expected = f"expected the {numbers} numbers of shape {shape}, flat or nested"
    # Twice as many are read, so that the message can tell how many there are.
    if len(data) > max(2 * numbers, _UNCOUNTED_BYTES) and count(data, b",") >= 2 * numbers:
        raise WrongShapeError(f"{place} holds more than {2 * numbers} numbers, {expected}")
    opening = _OPENING.match(data)
    depth = opening[0].count(b"[") if opening else 0
    if depth > 1 and depth != len(shape):
        raise WrongShapeError(f"{place} is nested {depth} deep, {expected}")
    found = decode(_decoder(max(depth, 1)), data, expected, place=place, shape=expected)
    try:
        # As float64, so that a number just outside of its range is not rounded into it.
        values = np.array(found, np.float64)
    except ValueError as error:
        raise WrongShapeError(f"{place} has lists of different lengths, {expected}") from error
    if values.shape != (tuple(shape) if depth > 1 else (numbers,)):
        raise WrongShapeError(f"{place} holds numbers of shape {list(values.shape)}, {expected}")
    return values.reshape(shape)


@functools.lru_cache(maxsize=16)
def _decoder(depth: int) -> msgspec.json.Decoder[list[Any]]:
    kind: Any = float
    for _ in range(depth):
        kind = list[kind]
    return msgspec.json.Decoder(kind)


def _in_range(values: NDArray[Any], declared: Tensor) -> Floats:
    """Float32, and in the range of the manifest; without one NaN is a value as good as any."""
    if declared.range:
        check_range(values, declared.name, declared.range, _REMEDY)
    with np.errstate(over="ignore"):
        single = values.astype(np.float32, copy=False)
    if values.dtype != np.float32 and not np.isfinite(single).all():
        raise NotFiniteError(
            f"a number of input {declared.name!r} is too large for {DATATYPE}; expected at most "
            f"{np.finfo(np.float32).max:g}"
        )
    return single
