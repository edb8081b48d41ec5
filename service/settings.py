"""Settings of the service, from environment variables: `ROWREADER_` and the name of a field."""

import difflib
import hashlib
import logging
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

import models

PREFIX = "ROWREADER_"
# What Kubernetes sets in every container for a service called rowreader.
_KUBERNETES = (f"{PREFIX}PORT", f"{PREFIX}SERVICE_")

Kind = Literal["onnxruntime", "torchscript", "openvino"]
BackendChoice = Literal["onnxruntime", "torchscript", "openvino", "auto"]
Device = Literal["auto", "cpu", "cuda"]
Format = Literal["text", "json"]

_log = logging.getLogger("rowreader")

# Upper bounds are far above what serves, and below what can only be a mistake.
Count = Annotated[int, Field(ge=1, le=65_536)]
Processes = Annotated[int, Field(ge=1, le=256)]
Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


def digest(key: str) -> bytes:
    """What is kept of a key: it cannot be turned back into the key."""
    return hashlib.sha256(key.encode()).digest()


def _split(text: Any) -> Any:
    """A list as an environment variable holds it."""
    return [part for part in re.split(r"[\s,]+", text) if part] if isinstance(text, str) else text


def _digests(text: Any) -> frozenset[bytes]:
    """All that is kept of the keys."""
    keys = _split(text)
    if not all(key.isascii() for key in keys):
        # In a message the keys themselves have no place.
        raise PydanticCustomError("not_ascii", "A key holds more than ASCII, which headers cannot")
    return frozenset(digest(key) for key in keys)


Keys = Annotated[frozenset[bytes], NoDecode, BeforeValidator(_digests)]
# Of memory, for each pixel of an image that may be decoded. Where libwebp or libjpeg is refused
# memory, Pillow calls a sound file broken; WebP takes most, more than 20 if it has several frames.
BYTES_PER_PIXEL = 24

Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class SettingsError(ValueError):
    """An environment variable holds what it may not; the message names it and what is allowed."""


class Settings(BaseSettings):
    """What an operator may change, each value checked once, when the service starts."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    models_dir: Path = Field(
        default=Path(models.__file__).parent, description="Folder of the published models."
    )
    default_model: str = Field(
        default="lstm", description="The model of a request that names none."
    )
    backend: BackendChoice = Field(
        default="onnxruntime",
        description="The library that runs the models; with openvino, those that are proven with "
        "it, in bfloat16 where the processor has that, and the others by onnxruntime. auto: of "
        "these two the one that is found faster at the start, for requests of up to eight pictures "
        "and for larger ones.",
    )
    device: Device = Field(
        default="auto",
        description="auto: CUDA when it truly works, else the CPU; cuda: not ready without CUDA.",
    )
    workers: Processes = Field(default=1, description="Worker processes, each with every model.")
    threads: Processes = Field(
        default=2,
        description="Large batches that one worker computes at the same time, and processes that "
        "read images and JSON for it, beside one for what takes more than a tenth of a second.",
    )
    intra_op_threads: int = Field(
        default=1,
        ge=0,
        le=256,
        description="CPU threads for one run of a model; 0: the library decides.",
    )
    max_body_bytes: int = Field(
        default=10 * 1024 * 1024,
        ge=1,
        le=1024**3,
        description="Bytes of a request body (10 MiB).",
    )
    # Above this, Pillow's own guard against decompression bombs begins to warn.
    max_pixels: int = Field(
        default=50_000_000,
        ge=1,
        le=89_000_000,
        description="Pixels of an image, checked from its header before it is decoded.",
    )
    max_batch_pixels: int = Field(
        default=200_000_000,
        ge=1,
        le=100_000_000_000,
        description="Pixels of all images of one request, likewise; those refused do not count.",
    )
    max_batch: Count = Field(default=256, description="Images, or sequences, of one request.")
    max_v2_batch: Count = Field(
        default=1024,
        description="Length of a free axis, the batch for one, of a tensor under `/v2`.",
    )
    max_joint_batch: Count = Field(
        default=64,
        description="Pictures in one run for several requests that came at once; 1: none join.",
    )
    max_pending: Count = Field(
        default=256, description="Requests of one worker under way at once; 429 beyond."
    )
    max_pending_bytes: int = Field(
        default=256 * 1024 * 1024,
        ge=1,
        le=1024**4,
        description="Bytes that these and their answers may hold together (256 MiB); 429 beyond, "
        "but for one alone.",
    )
    max_delay_seconds: Seconds = Field(
        default=0.5,
        description="Seconds that work may wait for its turn; 429 beyond.",
    )
    max_parse_seconds: Seconds = Field(
        default=5.0,
        description="Seconds of the processor that reading one image, or one body of JSON, may "
        "take; 422 beyond.",
    )
    max_parse_bytes: int = Field(
        default=2 * 1024**3,
        ge=256 * 1024**2,
        le=1024**4,
        description="Bytes of memory that it may take (2 GiB), at least 24 for each of "
        "`ROWREADER_MAX_PIXELS` pixels; 422 beyond.",
    )
    timeout_seconds: Seconds = Field(
        default=60.0, description="Seconds after which a request is answered with 504."
    )

    stream_idle_seconds: Seconds = Field(
        default=30.0,
        description="Seconds without a message after which a WebSocket is closed, as is one whose "
        "client does not read for so long.",
    )

    api_keys: Keys = Field(
        default=frozenset(),
        description="Keys, divided by commas, of which a request must carry one; none: open to "
        "all.",
    )
    cors_origins: Origins = Field(
        default=(),
        description="Origins, divided by commas, whose pages may ask from a browser; *: all.",
    )

    monitor: Path | None = Field(
        default=None,
        description="Folder in which predictions are kept, to learn from; none: nothing is kept.",
    )
    monitor_pictures: bool = Field(
        default=False,
        description="Whether to keep, too, the 28 x 28 that the model saw of each picture.",
    )
    monitor_bytes: int = Field(
        default=64 * 1024 * 1024,
        ge=1024**2,
        le=1024**4,
        description="Bytes of all that is kept (64 MiB); the oldest makes room for what is new.",
    )

    log_format: Format = Field(default="text", description="text, or json: one object a line.")
    access_log: bool = Field(default=False, description="Whether to log a line for every answer.")

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_nothing(cls, value: Any) -> Any:
        """A value that is none is a mistake: keys of `""` would leave the service open to all."""
        if isinstance(value, str) and not value.strip(" \t\r\n,"):
            raise PydanticCustomError("empty", "It is set, but empty")
        return value

    @field_validator("max_parse_bytes")
    @classmethod
    def _enough_for_an_image(cls, value: int, others: ValidationInfo) -> int:
        wanted = BYTES_PER_PIXEL * others.data.get("max_pixels", 0)
        if value < wanted:
            raise PydanticCustomError(
                "too_few", f"It should be at least {wanted}, or ROWREADER_MAX_PIXELS smaller"
            )
        return value

    @field_validator("monitor")
    @classmethod
    def _no_file(cls, value: Path | None) -> Path | None:
        if value is not None and value.exists() and not value.is_dir():
            raise PydanticCustomError("not_a_folder", "It is no folder")
        return value

    @field_validator("monitor_pictures")
    @classmethod
    def _kept_with_predictions(cls, value: bool, others: ValidationInfo) -> bool:
        if value and others.data.get("monitor") is None:
            raise PydanticCustomError(
                "nowhere", "Pictures are kept with predictions, so it needs ROWREADER_MONITOR"
            )
        return value

    @classmethod
    def from_environment(cls, **values: Any) -> Self:
        """The settings of this process; `values` take precedence over the environment.

        Raises:
            SettingsError: naming every variable that holds something else than allowed.

        """
        try:
            return cls(**values)
        except ValidationError as error:
            problems = [_explain(cls, problem) for problem in error.errors()]
            raise SettingsError("; ".join(problems)) from None


def warn_of_unknown() -> None:
    """Log mistyped variables, which would otherwise be settings that silently do nothing."""
    known = sorted(PREFIX + name.upper() for name in Settings.model_fields)
    for name in sorted(os.environ.keys() - set(known)):
        if name.startswith(PREFIX) and not name.startswith(_KUBERNETES):
            near = difflib.get_close_matches(name, known, n=1)
            meant = f"did you mean {near[0]}? Known" if near else "known"
            _log.warning("There is no setting %s; %s are: %s", name, meant, ", ".join(known))


def _explain(settings: type[Settings], problem: Any) -> str:
    name = str(problem["loc"][0])
    field = settings.model_fields[name]
    default = "none" if field.default in ((), frozenset(), None) else field.default
    hidden = name == "api_keys" and problem["type"] != "empty"
    found = "not shown" if hidden else repr(problem["input"])
    return (
        f"{PREFIX}{name.upper()} is {found}: {problem['msg']} ({field.description}) "
        f"Give another value, or unset it, which means {default}"
    )
