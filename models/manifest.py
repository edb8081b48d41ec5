"""The contract between training, which publishes a model, and the service, which serves it.

A published model is a folder `models/NAME/` that holds `manifest.json` and the files that it names,
no Python. This module reads, validates and writes manifests; `models.publish` moves a finished
folder into its place. It uses the standard library only, so that either side can import it without
bringing in the other's dependencies.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from models.consistency import problems
from models.strict import StrictError, build, show

SCHEMA_VERSION = 1
FILENAME = "manifest.json"
BATCH = "batch"  # the free axis along which samples are independent of each other

_REMEDY = "restore the folder from version control, or publish it with `python -m training.export`"
_CORRECT = "correct it, or publish the model again with `python -m training.export`"

Task = Literal["classify", "reconstruct", "regress"]
Role = Literal["onnx", "torchscript"]
Json = Mapping[str, Any]


class ManifestError(ValueError):
    """A manifest, or a file that it names, is not what the contract says; nothing may be loaded."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One input or output of the graph.

    `dims` mixes fixed sizes (int) with free axes by name (str): ("batch", 28, 28). Along the axis
    `batch` samples are independent, so that a service may join several calls to one. `range` bounds
    the values that the graph was made for, both ends included; None means unbounded.

    Raises:
        ValueError: `range` is not two finite numbers, the lesser one first.

    """

    name: str
    dtype: Literal["float32"]
    dims: tuple[int | str, ...]
    range: tuple[float, float] | None = None
    meaning: str = ""

    def __post_init__(self) -> None:
        if self.range is None:
            return
        low, high = self.range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(
                f"range is [{low}, {high}], expected two finite numbers, the lesser one first, or "
                f"null where the tensor is unbounded; {_CORRECT}"
            )


@dataclass(frozen=True, kw_only=True)
class State:
    """Recurrent state that a graph carries: feed `output` of one call to `input` of the next."""

    input: str
    output: str


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of the folder: its role, plain name, SHA-256 (hex) and size in bytes."""

    role: Role
    path: str
    sha256: str
    size: int
    opset: int | None = None

    @classmethod
    def of(cls, path: Path, role: Role, opset: int | None = None) -> Self:
        """Describe the file at `path` as it lies there."""
        return cls(
            role=role,
            path=path.name,
            sha256=sha256(path),
            size=path.stat().st_size,
            opset=opset,
        )


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A score and the number of samples behind it; `value` lies in [0, 1] for an accuracy."""

    split: Literal["validation", "test"]
    name: str
    value: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Parity:
    """How one form, run by one backend on one provider at one batch size, agreed with eager torch.

    `max_difference` is the largest absolute difference of any number that comes out, over `n`
    samples, or windows of a sequence. A classifier has `agreed`, how many of the `n` decisions were
    the same, and `accuracy`, this form's own; any other task has `error`, this form's own mean
    squared error; a model that carries state also `growth`, how many times the largest difference
    of the last tenth of the windows is that of the first.
    """

    backend: str
    provider: str
    batch_size: int
    max_difference: float
    n: int
    agreed: int | None = None
    accuracy: float | None = None
    error: float | None = None
    growth: float | None = None


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How a classifier's logits become a confidence that can be trusted, and when it is too low.

    The confidence is the largest probability of softmax(logits / `temperature`); below `threshold`
    a picture is not accepted. All was fitted on `n` validation digits, of which the fraction
    `rejected` falls below the threshold. `calibration_error` is their expected calibration error
    in equal `bins` of confidence, `uncalibrated_error` the same at temperature 1 (Guo, Pleiss, Sun
    and Weinberger 2017, arXiv:1706.04599).

    Raises:
        ValueError: `temperature` is not positive and finite, or `threshold` is no probability.

    """

    temperature: float
    threshold: float
    rejected: float
    calibration_error: float
    uncalibrated_error: float
    bins: int
    n: int

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf:
            raise ValueError(
                f"temperature is {self.temperature}, expected a positive, finite number; {_CORRECT}"
            )
        if not 0 <= self.threshold <= 1:
            raise ValueError(
                f"threshold is {self.threshold}, expected a probability in [0, 1]; {_CORRECT}"
            )


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that a service must know to serve a published model, and where it comes from."""

    name: str
    task: Task
    recipe: Json
    labels: tuple[str, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    files: tuple[File, ...]
    metrics: tuple[Metric, ...]
    parity: tuple[Parity, ...]
    provenance: Json
    states: tuple[State, ...] = ()
    calibration: Calibration | None = None
    schema_version: int = field(default=SCHEMA_VERSION)

    def file(self, role: Role) -> File:
        """The file with this role.

        Raises:
            ManifestError: the model was published without it.

        """
        for entry in self.files:
            if entry.role == role:
                return entry
        has = ", ".join(entry.role for entry in self.files)
        raise ManifestError(f"model {self.name!r} has no {role} file, only: {has}")

    def metric(self, split: str, name: str) -> Metric:
        """The metric `name` on `split`.

        Raises:
            ManifestError: it was not recorded.

        """
        for metric in self.metrics:
            if (metric.split, metric.name) == (split, name):
                return metric
        raise ManifestError(f"model {self.name!r} records no {name} on {split}")

    def to_json(self) -> str:
        """The text of `manifest.json`, keys in the order of the fields."""
        fields = dataclasses.asdict(self)
        ordered = {"schema_version": fields.pop("schema_version"), **fields}
        return json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def sha256(path: Path) -> str:
    """The SHA-256 of the file at `path`, in lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(folder: Path) -> Manifest:
    """Read and validate `folder/manifest.json`, without looking at the files that it names.

    Raises:
        ManifestError: it is missing, is not JSON, or breaks the schema; the message names the key.

    """
    path = folder / FILENAME
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ManifestError(
            f"{path} is missing: {folder} is not a published model; publish it again with "
            "`python -m training.export`"
        ) from None
    except OSError as error:
        raise ManifestError(f"{path} {unreadable(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path} cannot be read as JSON: {_flaw(error)}; {_REMEDY}") from error
    if not isinstance(document, dict):
        raise ManifestError(f"{path}: expected a JSON object, found {show(document)}")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise ManifestError(
            f"{path}: schema_version is {show(version)}, this RowReader reads {SCHEMA_VERSION}; "
            "publish the model again with the same version that serves it"
        )
    try:
        manifest: Manifest = build(Manifest, document, str(path))
    except StrictError as error:
        raise ManifestError(str(error)) from None
    for problem in problems(manifest, folder):
        raise ManifestError(f"{path}: {problem}; {_CORRECT}")
    return manifest


def _flaw(error: Exception) -> str:
    """What keeps bytes from being JSON, in our words."""
    match error:
        case json.JSONDecodeError():
            return f"it is broken at line {error.lineno}, column {error.colno}"
        case UnicodeDecodeError():
            return f"byte {error.start} is not UTF-8"
        case RecursionError():
            return "it is nested too deeply"
        case _:  # the one other error that Python's parser has
            return "a number has too many digits"


def verify(folder: Path, manifest: Manifest) -> None:
    """Check that every file of the manifest lies in `folder` as it was published.

    Raises:
        ManifestError: naming the first file that is missing, has another size or another digest.

    """
    for entry in manifest.files:
        path = folder / entry.path
        try:
            _compare(path, entry)
        except OSError as error:
            raise ManifestError(f"{path} {unreadable(error)}") from error


def _compare(path: Path, entry: File) -> None:
    if not path.is_file():
        raise ManifestError(f"{path} is missing, though {FILENAME} names it; {_REMEDY}")
    size = path.stat().st_size
    if size != entry.size:
        raise ManifestError(f"{path} has {size} bytes, {FILENAME} says {entry.size}; {_REMEDY}")
    if (digest := sha256(path)) != entry.sha256:
        raise ManifestError(
            f"{path} has SHA-256 {digest}, {FILENAME} says {entry.sha256}; {_REMEDY}"
        )


def unreadable(error: OSError) -> str:
    """Why a file or folder cannot be read, and the remedy, in words that name no error code."""
    match error:
        case PermissionError():
            return "may not be read by this user; give the user that serves leave to read it"
        case IsADirectoryError():
            return f"is a folder, expected a file; {_REMEDY}"
        case _:
            return f"cannot be read: the disk, or its name, fails; {_REMEDY}"


def discover(root: Path) -> list[Path]:
    """The folders of published models below `root`, by name; anything hidden is not published.

    A folder that holds a model's file without a manifest counts: it is a broken one, for `read` to
    refuse by name.

    Raises:
        ManifestError: `root` is not a folder, or cannot be read.

    """
    try:
        if not root.is_dir():
            raise ManifestError(f"{root} is not a folder of published models; name one that is")
        found = {path.parent for name in (FILENAME, "model.*") for path in root.glob(f"*/{name}")}
    except OSError as error:
        raise ManifestError(f"{root} {unreadable(error)}") from error
    return sorted(folder for folder in found if not folder.name.startswith("."))
