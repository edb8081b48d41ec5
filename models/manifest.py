"""The contract between training, which publishes a model, and the service, which serves it.

A published model is a folder `models/NAME/` that holds `manifest.json` and the files that it names,
no Python. This module reads, validates and writes manifests; `models.publish` moves a finished
folder into its place. It needs pydantic and nothing else, so that either side can import it without
bringing in the other's dependencies.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError, with_config
from pydantic.dataclasses import dataclass
from pydantic_core import from_json

SCHEMA_VERSION = 1
FILENAME = "manifest.json"
BATCH = "batch"  # the free axis along which samples are independent of each other

_REMEDY = "restore the folder from version control, or publish it with `python -m training.export`"
_CORRECT = "correct it, or publish the model again with `python -m training.export`"

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
FileName = Annotated[str, Field(pattern=r"^[^./\\\x00][^/\\\x00]*$")]  # in the folder, not hidden
Task = Literal["classify", "classify_rows", "reconstruct", "regress", "transcribe"]
Role = Literal["onnx", "torchscript"]
Json = Mapping[str, Any]

# Nothing is coerced, but for an integer where a float belongs, and nothing unknown passes.
_STRICT = ConfigDict(strict=True, extra="forbid")


class ManifestError(ValueError):
    """A manifest, or a file that it names, is not what the contract says; nothing may be loaded."""


@dataclass(frozen=True, kw_only=True, config=_STRICT)
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
    range: tuple[FiniteFloat, FiniteFloat] | None = None
    meaning: str = ""

    def __post_init__(self) -> None:
        if self.range and self.range[0] >= self.range[1]:
            raise ValueError(f"range is {list(self.range)}, expected the lesser number first")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class State:
    """Recurrent state that a graph carries: feed `output` of one call to `input` of the next."""

    input: str
    output: str


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class File:
    """One file of the folder: its role, plain name, SHA-256 (hex) and size in bytes."""

    role: Role
    path: FileName
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


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Metric:
    """A score and the number of samples behind it; `value` lies in [0, 1] for an accuracy."""

    split: Literal["validation", "test"]
    name: str
    value: float
    n: int


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Parity:
    """How one form, run by one backend on one provider at one batch size, agreed with eager torch.

    `max_difference` is the largest absolute difference of any number that comes out, over `n`
    samples, or windows of a sequence. A classifier has `agreed`, how many of the `n` decisions were
    the same, and `accuracy`, this form's own, as a reader of lines has with whole texts for
    decisions; any other task has `error`, this form's own mean
    squared error. `growth` is there for a model that carries state: how many times the largest
    difference of the last tenth of the windows is that of the first, or of rows that came one by
    one that of all at once. A classifier of rows then also has `by_row`, the largest difference of
    the logits after each row, in whatever pieces the rows came.
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
    by_row: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class Calibration:
    """How a classifier's logits become a confidence that can be trusted, and when it is too low.

    The confidence is the largest probability of softmax(logits / `temperature`); below `threshold`
    a picture is not accepted. A reader of lines has two logits for a line: the log-probability of
    the text that it reads, and that of all others together. All was fitted on `n` validation digits
    or lines, of which the fraction `rejected` falls below the threshold. `calibration_error` is
    their expected calibration error in equal `bins` of confidence, `uncalibrated_error` the same at
    temperature 1 (Guo, Pleiss, Sun and Weinberger 2017, arXiv:1706.04599).

    Raises:
        ValueError: `temperature` is not positive and finite, or `threshold` is no probability.

    """

    temperature: Annotated[FiniteFloat, Field(gt=0)]
    threshold: Annotated[float, Field(ge=0, le=1)]
    rejected: float
    calibration_error: float
    uncalibrated_error: float
    bins: int
    n: int


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class EarlyDecision:
    """What comes of a reading that ends at the first row whose confidence reaches `stop_at`.

    `rows` is the mean number of rows read, `accuracy` that of the decisions, each in its picture's
    last row read; a picture that never reaches `stop_at` is read to its end.
    """

    stop_at: float
    rows: float
    accuracy: float


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class RowReading:
    """What a classifier of rows is worth after each row, and the whole graph that it belongs to.

    `whole` names the model that reads the same rows at once, by the same weights, and
    `whole_sha256` is the digest of its ONNX file. The other fields hold a number for each row, from
    the first to the last: `temperatures`, each fitted on the validation digits as that of
    `Calibration` is, the last one being that; and over `n` test digits the `accuracies`, the mean
    `confidences` at these temperatures, and the `calibration_errors` of these, as in `Calibration`.

    Raises:
        ValueError: the lists differ in length.

    """

    whole: Name
    whole_sha256: str
    temperatures: tuple[Annotated[FiniteFloat, Field(gt=0)], ...]
    accuracies: tuple[float, ...]
    confidences: tuple[float, ...]
    calibration_errors: tuple[float, ...]
    early_decisions: tuple[EarlyDecision, ...]
    n: int

    def __post_init__(self) -> None:
        columns = (self.accuracies, self.confidences, self.calibration_errors)
        if any(len(column) != len(self.temperatures) for column in columns):
            raise ValueError(
                "accuracies, confidences and calibration_errors differ in length from "
                f"temperatures, which has {len(self.temperatures)}"
            )


@with_config(_STRICT)
@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that a service must know to serve a published model, and where it comes from.

    `read` checks it as a whole; to make one checks its parts only, for a draft is not complete.
    """

    name: Name
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
    row_reading: RowReading | None = None
    schema_version: int = SCHEMA_VERSION

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


_MANIFEST = TypeAdapter(Manifest)


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
        data = path.read_bytes()
        document = from_json(data)
    except FileNotFoundError:
        raise ManifestError(
            f"{path} is missing: {folder} is not a published model; publish it again with "
            "`python -m training.export`"
        ) from None
    except OSError as error:
        raise ManifestError(f"{path} {unreadable(error)}") from error
    except ValueError as error:
        raise ManifestError(f"{path} cannot be read as JSON: {error}; {_REMEDY}") from error
    _check_version(path, document)
    try:
        manifest = _MANIFEST.validate_json(data)
    except ValidationError as error:
        raise ManifestError(f"{path}: {_describe(error)}; {_CORRECT}") from None
    for contradiction in _contradictions(manifest, folder):
        raise ManifestError(f"{path}: {contradiction}; {_CORRECT}")
    return manifest


def _check_version(path: Path, document: Any) -> None:
    """Tell a manifest of another version from one that is broken; what is no object is broken."""
    version = document.get("schema_version") if isinstance(document, dict) else SCHEMA_VERSION
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise ManifestError(
            f"{path}: schema_version is {json.dumps(version)}, this RowReader reads "
            f"{SCHEMA_VERSION}; publish the model again with the same version that serves it"
        )


def _contradictions(manifest: Manifest, folder: Path) -> Iterator[str]:
    """What the fields of `manifest` say against each other, or against the name of its folder."""
    if not folder.name.startswith(".") and manifest.name != folder.name:
        yield f"name is {manifest.name!r}, but the folder is called {folder.name!r}"
    inputs = [tensor.name for tensor in manifest.inputs]
    outputs = [tensor.name for tensor in manifest.outputs]
    roles = [entry.role for entry in manifest.files]
    for key, names in (("inputs", inputs), ("outputs", outputs), ("files", roles)):
        if len(set(names)) != len(names) or not names:
            yield f"{key} are {names}, expected at least one, and each once"
    for state in manifest.states:
        if state.input not in inputs:
            yield f"states names {state.input!r}, which is no input"
        if state.output not in outputs:
            yield f"states names {state.output!r}, which is no output"
    if (manifest.task == "classify_rows") != (manifest.row_reading is not None):
        yield f"task is {manifest.task!r}, and only one that reads rows has row_reading"
    reading, calibration = manifest.row_reading, manifest.calibration
    temperature = calibration.temperature if calibration else 1.0
    if reading and reading.temperatures[-1:] != (temperature,):
        yield "row_reading ends with another temperature than that of the whole digit"


def _describe(error: ValidationError) -> str:
    """The first fault that pydantic found: which key, what was expected, what was found."""
    first = error.errors(include_url=False)[0]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    expected = first["msg"].removeprefix("Value error, ")
    fault = f"{key.removeprefix('.')}: {expected}".removeprefix(": ")
    tells_itself = first["type"] in ("missing", "value_error")
    return fault if tells_itself else f"{fault}, found {first['input']!r:.60}"


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
