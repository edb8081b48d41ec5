"""A request for inference in the Open Inference Protocol, and its answer: JSON, bytes behind it.

The bytes are the binary tensor data extension: a header tells how long the JSON is, and each
tensor in binary has its size among its parameters.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import orjson

from models.arrays import Arrays, Floats
from models.manifest import Manifest
from service.errors import (
    MalformedRequestError,
    MissingFieldError,
    UnexpectedFieldError,
    UnsupportedMediaTypeError,
    WrongShapeError,
    quote,
)
from service.open_inference.messages import (
    DATATYPE,
    WIRE,
    InferenceRequest,
    InferenceResponse,
    InputParameters,
    OutputParameters,
    RequestInput,
    ResponseOutput,
    ResponseParameters,
)
from service.open_inference.tensors import check_names, read_tensors, show_dims
from service.paths import VERSION
from service.uploads.json_body import decode

HEADER_LENGTH = "Inference-Header-Content-Length"
JSON_TYPE, BINARY_TYPE = "application/json", "application/octet-stream"

_EXPECTED = 'expected {"inputs": [{"name", "shape", "datatype", "data"}, ...]}'
_REQUEST = msgspec.json.Decoder(InferenceRequest)
_RESPONSE = msgspec.json.Encoder()


@dataclass(frozen=True)
class Inference:
    """What is to be computed: `inputs` by name, as the manifest declares them.

    `outputs` holds the names wanted, in order, and whether each is wanted as bytes.
    """

    inputs: dict[str, Floats]
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
    if header_length is not None and not text:
        return _read_raw(binary, manifest, max_axis)
    sent = decode(_REQUEST, text, _EXPECTED)
    outputs = _outputs(sent, [tensor.name for tensor in manifest.outputs])
    inputs = read_tensors(manifest.inputs, sent.inputs, binary, max_axis)
    return Inference(inputs, outputs, sent.id)


def write_answer(model: str, asked: Inference, values: Arrays) -> Answer:
    """The outputs that were asked for, among `values`.

    In JSON each number has the fewest digits from which its float32 is read again. JSON has neither
    NaN nor Infinity: such a number is null.
    """
    outputs, binary = [], []
    for name, as_bytes in asked.outputs.items():
        output = ResponseOutput(name=name, datatype=DATATYPE, shape=list(values[name].shape))
        if as_bytes:
            binary.append(values[name].astype(WIRE, copy=False).tobytes())
            output.parameters = ResponseParameters(len(binary[-1]))
        else:
            output.data = _write_numbers(values[name])
        outputs.append(output)
    text = _RESPONSE.encode(
        InferenceResponse(
            model_name=model,
            model_version=VERSION,
            id=msgspec.UNSET if asked.id is None else asked.id,
            outputs=outputs,
        )
    )
    return Answer(b"".join([text, *binary]), len(text) if binary else None)


def _write_numbers(values: Floats) -> msgspec.Raw:
    flat = np.ascontiguousarray(values).ravel()
    return msgspec.Raw(orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY))


def _read_raw(binary: memoryview, manifest: Manifest, max_axis: int) -> Inference:
    """Triton's raw request: the whole body is the one input's bytes; all outputs come as bytes.

    Raises:
        MissingFieldError: JSON must say which input it is, or which shape it has.
        WrongShapeError: the body is no whole number of samples.
        ApiError: the input is refused, see `read_tensors`.

    """
    [tensor, *others] = manifest.inputs
    if others or sum(isinstance(dim, str) for dim in tensor.dims) > 1:
        declared = ", ".join(f"{name.name} {show_dims(name.dims)}" for name in manifest.inputs)
        raise MissingFieldError(
            f"{HEADER_LENGTH} is 0, which needs a model of one input with at most one free axis; "
            f"this one has {declared}: send JSON before the bytes, and its length in this header"
        )
    each = WIRE.itemsize * math.prod(dim for dim in tensor.dims if isinstance(dim, int))
    length, rest = divmod(len(binary), each)
    if rest:
        raise WrongShapeError(
            f"the body has {len(binary)} bytes, expected a multiple of {each}: {WIRE.itemsize} for "
            f"each number of {tensor.name} {show_dims(tensor.dims)}"
        )
    shape = [dim if isinstance(dim, int) else length for dim in tensor.dims]
    sent = RequestInput(
        name=tensor.name,
        shape=msgspec.Raw(msgspec.json.encode(shape)),
        datatype=DATATYPE,
        parameters=InputParameters(binary_data_size=len(binary)),
    )
    inputs = read_tensors(manifest.inputs, [sent], binary, max_axis)
    return Inference(inputs, {output.name: True for output in manifest.outputs}, id=None)


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


def _outputs(sent: InferenceRequest, known: Sequence[str]) -> dict[str, bool]:
    """The outputs wanted, all when none is named, and whether each is wanted as bytes."""
    by_default = bool(sent.parameters and sent.parameters.binary_data_output)
    if not sent.outputs:
        return dict.fromkeys(known, by_default)
    check_names([output.name for output in sent.outputs], known, "output")
    wanted = {}
    for output in sent.outputs:
        parameters = output.parameters or OutputParameters()
        for name in ("classification", "shared_memory_region"):
            if getattr(parameters, name) is not msgspec.UNSET:
                raise UnexpectedFieldError(
                    f"output {output.name!r} has the parameter {name!r}, an extension that is not "
                    "served; leave it out"
                )
        as_bytes = parameters.binary_data
        wanted[output.name] = by_default if as_bytes is msgspec.UNSET else as_bytes
    return wanted
