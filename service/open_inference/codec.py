"""A request for inference in the Open Inference Protocol, and its answer: JSON, bytes behind it.

The bytes are the binary tensor data extension: a header tells how long the JSON is, and each
tensor in binary has its size among its parameters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from models.manifest import Manifest
from service.errors import (
    MalformedRequestError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    WrongTypeError,
    quote,
)
from service.open_inference.tensors import (
    BINARY_SIZE,
    DATATYPE,
    WIRE,
    SentTensor,
    check_names,
    read_tensors,
)
from service.paths import VERSION
from service.uploads.json_body import complaint, decode

HEADER_LENGTH = "Inference-Header-Content-Length"
JSON_TYPE, BINARY_TYPE = "application/json", "application/octet-stream"

_BINARY_DATA, _BINARY_OUTPUT = "binary_data", "binary_data_output"
# What would change the meaning of an output; whoever asks for it must not get something else.
_UNSUPPORTED = ("classification", "shared_memory_region")
_EXPECTED = 'expected {"inputs": [{"name", "shape", "datatype", "data"}, ...]}'


class _SentOutput(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class _Body(msgspec.Struct):
    """The JSON of a request; other clients' further fields are let pass, as the protocol wants."""

    inputs: list[SentTensor]
    outputs: list[_SentOutput] | None = None
    id: str | None = None
    parameters: dict[str, Any] | None = None


_DECODER = msgspec.json.Decoder(_Body)


@dataclass(frozen=True)
class Inference:
    """What is to be computed: `inputs` by name, as the manifest declares them.

    `outputs` holds the names wanted, in order, and whether each is wanted as bytes.
    """

    inputs: dict[str, NDArray[np.float32]]
    outputs: dict[str, bool]
    id: str | None


@dataclass(frozen=True)
class Answer:
    """The answer's body; `json_bytes` is how many of it are JSON, None when all are."""

    body: bytes
    json_bytes: int | None

    @property
    def headers(self) -> dict[str, str]:
        """What tells a client how to read the body."""
        if self.json_bytes is None:
            return {"content-type": JSON_TYPE}
        return {"content-type": BINARY_TYPE, HEADER_LENGTH: str(self.json_bytes)}


def check_media_type(content_type: str) -> None:
    """Refuse a body that calls itself neither JSON nor bytes; one without a type is let pass.

    Raises:
        UnsupportedMediaTypeError: naming what it calls itself.

    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in ("", JSON_TYPE, BINARY_TYPE):
        raise UnsupportedMediaTypeError(
            f"Content-Type is {quote(media_type)}, expected {JSON_TYPE} or {BINARY_TYPE}; "
            f"with curl, add `-H 'Content-Type: {JSON_TYPE}'`"
        )


def read_inference(
    body: bytes, header_length: str | None, manifest: Manifest, max_axis: int
) -> Inference:
    """What `body` asks of the model.

    Args:
        body: JSON and, if there are any, the bytes of binary tensors.
        header_length: the request's header of this name: how many bytes are JSON; None: all.
        manifest: the model's, whose inputs and outputs are the only ones there are.
        max_axis: the longest that a free axis may be.

    Raises:
        MalformedRequestError: `header_length` is not the length of a part of the body.
        InvalidJsonError, MissingFieldError, WrongTypeError: it is no JSON, or another.
        UnknownTensorError, UnexpectedFieldError: it asks for what the model has not.
        ApiError: the inputs are refused, see `read_tensors`.

    """
    text, binary = _split(body, header_length)
    try:
        sent = decode(_DECODER, text, _EXPECTED)
    except msgspec.ValidationError as error:
        raise complaint(error, _EXPECTED) from error
    outputs = _outputs(sent, [tensor.name for tensor in manifest.outputs])
    inputs = read_tensors(manifest.inputs, sent.inputs, binary, max_axis)
    return Inference(inputs, outputs, sent.id)


def write_answer(model: str, asked: Inference, values: Mapping[str, NDArray[np.float32]]) -> Answer:
    """The outputs that were asked for, among `values`.

    In JSON each number has the fewest digits from which its float32 is read again. JSON has neither
    NaN nor Infinity: such a number is null.
    """
    tensors, binary = [], []
    for name, as_bytes in asked.outputs.items():
        array = values[name]
        tensor: dict[str, Any] = {
            "name": name,
            "datatype": DATATYPE,
            "shape": list(array.shape),
        }
        if as_bytes:
            binary.append(array.astype(WIRE, copy=False).tobytes())
            tensor["parameters"] = {BINARY_SIZE: len(binary[-1])}
        else:
            tensor["data"] = np.ascontiguousarray(array).ravel()
        tensors.append(tensor)
    head = {} if asked.id is None else {"id": asked.id}
    text = orjson.dumps(
        {"model_name": model, "model_version": VERSION, **head, "outputs": tensors},
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
    return Answer(b"".join([text, *binary]), len(text) if binary else None)


def _split(body: bytes, header_length: str | None) -> tuple[memoryview, memoryview]:
    """The JSON, and the bytes behind it."""
    view = memoryview(body)
    if header_length is None:
        return view, view[len(view) :]
    # No length of a body has 18 digits, and int() refuses more than thousands.
    digits = header_length.isascii() and header_length.isdecimal() and len(header_length) <= 18
    if not digits or int(header_length) > len(body):
        raise MalformedRequestError(
            f"{HEADER_LENGTH} is {quote(header_length)}, expected the number of bytes of JSON at "
            f"the front of the body, which has {len(body)}"
        )
    return view[: int(header_length)], view[int(header_length) :]


def _outputs(sent: _Body, known: Sequence[str]) -> dict[str, bool]:
    """The outputs wanted, all when none is named, and whether each is wanted as bytes."""
    by_default = _flag(sent.parameters, _BINARY_OUTPUT, "the request", default=False)
    if not sent.outputs:
        return dict.fromkeys(known, by_default)
    check_names([output.name for output in sent.outputs], known, "output")
    wanted = {}
    for output in sent.outputs:
        for name in _UNSUPPORTED:
            if name in (output.parameters or {}):
                raise UnexpectedFieldError(
                    f"output {output.name!r} has the parameter {name!r}, an extension that is not "
                    "served; leave it out"
                )
        place = f"output {output.name!r}"
        wanted[output.name] = _flag(output.parameters, _BINARY_DATA, place, default=by_default)
    return wanted


def _flag(parameters: dict[str, Any] | None, name: str, place: str, *, default: bool) -> bool:
    value = (parameters or {}).get(name, default)
    if not isinstance(value, bool):
        raise WrongTypeError(
            f"the parameter {name!r} of {place} is {quote(value)}, expected true or false"
        )
    return value
