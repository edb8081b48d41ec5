"""Tensors as the Open Inference Protocol sends them, in JSON or as bytes, into float32 arrays."""

import functools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

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
from service.uploads.json_body import complaint
from service.uploads.ranges import check_range

# The protocol's name for the one dtype of a manifest, and its bytes: little-endian, row by row.
DATATYPE = "FP32"
WIRE = np.dtype("<f4")

BINARY_SIZE = "binary_data_size"
# Data that lies where the service never looks.
_ELSEWHERE = "shared_memory_region"

_OPENING = re.compile(rb"\s*(?:\[\s*)*")
_REMEDY = "scale the values to what the model was made for"


class SentTensor(msgspec.Struct):
    """One input of a request; its data is still JSON, or among the bytes behind the JSON."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw()
    parameters: dict[str, Any] | None = None


def read_tensors(
    declared: Sequence[Tensor], sent: Sequence[SentTensor], binary: memoryview, max_axis: int
) -> dict[str, NDArray[np.float32]]:
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
    for place, tensor in enumerate(sent):
        _check_shape(tensors[tensor.name], tensor, axes, max_axis)
        size = _binary_size(tensor)
        if size is None:
            values = _from_json(tensor, f"inputs[{place}].data")
        else:
            values, binary = _from_bytes(tensor, binary, size)
        arrays[tensor.name] = _in_range(values, tensors[tensor.name])
    if binary:
        raise MalformedRequestError(
            f"{len(binary)} bytes follow the last binary tensor; expected none: "
            f"{BINARY_SIZE} and the header's length must add up to the body"
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


def _check_shape(declared: Tensor, sent: SentTensor, axes: dict[str, int], max_axis: int) -> None:
    """Datatype and shape against the manifest; `axes` holds the free axes that are known so far."""
    if sent.datatype != DATATYPE:
        raise WrongTypeError(
            f"input {sent.name!r} is of datatype {quote(sent.datatype)}, expected {DATATYPE}; "
            "convert it to 32-bit floats"
        )
    expected = f"expected {show_dims(declared.dims)}"
    found = f"input {sent.name!r} has shape {quote(sent.shape)}"
    if len(sent.shape) != len(declared.dims):
        raise WrongShapeError(f"{found}, {expected}")
    for length, dim in zip(sent.shape, declared.dims, strict=True):
        if isinstance(dim, int) or length < 0:
            if length != dim:
                raise WrongShapeError(f"{found}, {expected}")
        elif length == 0:
            raise EmptyBatchError(f"{found}, {expected} with {dim} at least 1")
        elif length > max_axis:
            raise BatchTooLargeError(
                f"{found}; {dim} may be at most {max_axis}; send several requests"
            )
        elif axes.setdefault(dim, length) != length:
            raise WrongShapeError(f"{found}, {expected}; {dim} is {axes[dim]} in another input")


def show_dims(dims: Sequence[int | str]) -> str:
    """Dims for a message: `[batch, 28, 28]`."""
    return f"[{', '.join(map(str, dims))}]"


def _binary_size(sent: SentTensor) -> int | None:
    """How many bytes behind the JSON are this tensor's; None when its data is in the JSON."""
    parameters = sent.parameters or {}
    if _ELSEWHERE in parameters:
        raise UnexpectedFieldError(
            f"input {sent.name!r} lies in shared memory, which is never read; send its data"
        )
    size = parameters.get(BINARY_SIZE)
    in_json = bytes(memoryview(sent.data)[:4]) not in (b"", b"null")
    if size is None and not in_json:
        raise MissingFieldError(
            f"input {sent.name!r} has no data; send `data`, or {BINARY_SIZE} and the bytes"
        )
    if size is None:
        return None
    if in_json:
        raise UnexpectedFieldError(
            f"input {sent.name!r} has both `data` and {BINARY_SIZE}; send one of them"
        )
    if isinstance(size, bool) or not isinstance(size, int):
        raise WrongTypeError(
            f"{BINARY_SIZE} of input {sent.name!r} is {quote(size)}, expected a number of bytes"
        )
    return size


def _from_bytes(
    sent: SentTensor, binary: memoryview, size: int
) -> tuple[NDArray[np.float32], memoryview]:
    """The tensor at the front of `binary`, and what lies behind it."""
    expected = math.prod(sent.shape) * WIRE.itemsize
    if size != expected:
        raise WrongShapeError(
            f"{BINARY_SIZE} of input {sent.name!r} is {quote(size)}, expected {expected}: "
            f"{WIRE.itemsize} bytes for each number of shape {sent.shape}"
        )
    if size > len(binary):
        raise MalformedRequestError(
            f"input {sent.name!r} should have {size} bytes behind the JSON, {len(binary)} are left;"
            " send them all, and the length of the JSON as Inference-Header-Content-Length"
        )
    values = np.frombuffer(binary[:size], WIRE).reshape(sent.shape)
    # Behind JSON of any length the numbers may lie askew, which a backend need not take.
    return np.require(values, np.float32, ["C", "A"]), binary[size:]


def _from_json(sent: SentTensor, place: str) -> NDArray[np.float64]:
    """The tensor's numbers, written flat or nested."""
    expected = f"expected the {math.prod(sent.shape)} numbers of shape {sent.shape}, flat or nested"
    opening = _OPENING.match(memoryview(sent.data))
    depth = opening[0].count(b"[") if opening else 0
    if depth > 1 and depth != len(sent.shape):
        raise WrongShapeError(f"{place} is nested {depth} deep, {expected}")
    try:
        # As float64, so that a number just outside of its range is not rounded into it.
        values = np.array(_decoder(max(depth, 1)).decode(sent.data), np.float64)
    except msgspec.ValidationError as error:
        raise complaint(error, expected, root=place, tensor=place, shape=expected) from error
    except ValueError as error:
        raise WrongShapeError(f"{place} has lists of different lengths, {expected}") from error
    if values.shape != (tuple(sent.shape) if depth > 1 else (math.prod(sent.shape),)):
        raise WrongShapeError(f"{place} holds numbers of shape {list(values.shape)}, {expected}")
    return values.reshape(sent.shape)


@functools.lru_cache(maxsize=16)
def _decoder(depth: int) -> msgspec.json.Decoder[list[Any]]:
    kind: Any = float
    for _ in range(depth):
        kind = list[kind]
    return msgspec.json.Decoder(kind)


def _in_range(values: NDArray[Any], declared: Tensor) -> NDArray[np.float32]:
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
