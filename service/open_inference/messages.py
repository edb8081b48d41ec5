"""What the Open Inference Protocol sends in JSON: one type for each object of it.

The types read requests, write answers, and describe both in the OpenAPI document. Fields beyond
these are let pass, as the protocol wants.
"""

from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Raw, UnsetType

from service.paths import VERSION

# The protocol's name for the one dtype of a manifest, and its bytes: little-endian, row by row.
DATATYPE = "FP32"
WIRE = np.dtype("<f4")


def _as(*, description: str = "", **schema: Any) -> Meta:
    """What the OpenAPI document says of a field that its type does not say."""
    return Meta(description=description or None, extra_json_schema=schema or None)


_LENGTH = {"type": "integer", "minimum": 1}
_NUMBER = {"type": ["number", "null"], "description": "null: not finite."}

# Raw JSON is read once it is known how much of it there may be; until then it costs little.
Shape = Annotated[Raw, _as(type="array", items=_LENGTH)]
Data = Annotated[Raw, _as(description="Numbers, flat or nested.", type=["array", "null"], items={})]
Numbers = Annotated[Raw, _as(type="array", items=_NUMBER)]
Datatype = Annotated[str, _as(const=DATATYPE)]
Unread = Annotated[Raw, _as(description="Not served: a request that has it is refused.")]
AsBytes = Annotated[bool, _as(description="Whether to answer in bytes.")]


class InputParameters(msgspec.Struct):
    """Where an input's data lies."""

    binary_data_size: (
        Annotated[int, _as(description="Its bytes behind the JSON, instead of `data`.")] | None
    ) = None
    shared_memory_region: Unread | UnsetType = UNSET


class RequestInput(msgspec.Struct):
    """One input; its data is in the JSON, or among the bytes behind it."""

    name: str
    shape: Shape
    datatype: Datatype
    data: Data | UnsetType = UNSET
    parameters: InputParameters | None = None


class OutputParameters(msgspec.Struct):
    """In which form to answer."""

    binary_data: AsBytes | UnsetType = UNSET
    classification: Unread | UnsetType = UNSET
    shared_memory_region: Unread | UnsetType = UNSET


class RequestOutput(msgspec.Struct):
    """One output that is wanted."""

    name: str
    parameters: OutputParameters | None = None


class RequestParameters(msgspec.Struct):
    """In which form to answer, for outputs that do not say it themselves."""

    binary_data_output: AsBytes = False


class InferenceRequest(msgspec.Struct):
    """The inputs, and which outputs are wanted: all, if it names none."""

    inputs: list[RequestInput]
    outputs: list[RequestOutput] | None = None
    id: Annotated[str, _as(description="Comes back in the answer.")] | None = None
    parameters: RequestParameters | None = None


class ResponseParameters(msgspec.Struct):
    """How many bytes behind the JSON are an output's data."""

    binary_data_size: int


class ResponseOutput(msgspec.Struct, kw_only=True):
    """One output; its data is in the JSON, or `parameters` tells how many bytes behind it."""

    name: str
    datatype: Datatype
    shape: list[Annotated[int, Meta(ge=1)]]
    data: Numbers | UnsetType = UNSET
    parameters: ResponseParameters | UnsetType = UNSET


class InferenceResponse(msgspec.Struct, kw_only=True):
    """The outputs, in the order in which they were wanted."""

    model_name: str
    model_version: Annotated[str, _as(const=VERSION)]
    id: str | UnsetType = UNSET
    outputs: list[ResponseOutput]
