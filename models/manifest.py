"""The contract between training, which publishes a model, and the service, which serves it.

A published model is a folder `models/NAME/` that holds `manifest.json` and the files that it names,
no Python. This module reads, validates and writes manifests; `models.publish` moves a finished
folder into its place. It uses the standard library only, so that either side can import it without
bringing in the other's dependencies.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin, get_type_hints

SCHEMA_VERSION = 1
FILENAME = "manifest.json"
NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

Task = Literal["classify", "reconstruct", "regress"]
Role = Literal["onnx", "torchscript"]
Json = Mapping[str, Any]


class ManifestError(ValueError):
    """A manifest, or a file that it names, is not what the contract says; nothing may be loaded."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One input or output of the graph.

    `dims` mixes fixed sizes (int) with free axes by name (str): ("batch", 28, 28). `range` bounds
    the values that the graph was made for, both ends included; None means unbounded.
    """

    name: str
    dtype: Literal["float32"]
    dims: tuple[int | str, ...]
    range: tuple[float, float] | None = None
    meaning: str = ""


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

    `max_difference` is the largest absolute difference of any logit, `agreed` of `n` decisions were
    the same, `accuracy` is this form's own.
    """

    backend: str
    provider: str
    batch_size: int
    max_difference: float
    agreed: int
    n: int
    accuracy: float


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
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise ManifestError(f"{path}: expected a JSON object, found {_show(document)}")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise ManifestError(
            f"{path}: schema_version is {_show(version)}, this RowReader reads {SCHEMA_VERSION}; "
            "publish the model again with the same version that serves it"
        )
    manifest: Manifest = _build(Manifest, document, str(path))
    _validate(manifest, folder, path)
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """Check that every file of the manifest lies in `folder` as it was published.

    Raises:
        ManifestError: naming the first file that is missing, has another size or another digest.

    """
    for entry in manifest.files:
        path = folder / entry.path
        if not path.is_file():
            raise ManifestError(f"{path} is missing, though {FILENAME} names it; {_REMEDY}")
        size = path.stat().st_size
        if size != entry.size:
            raise ManifestError(f"{path} has {size} bytes, {FILENAME} says {entry.size}; {_REMEDY}")
        if (digest := sha256(path)) != entry.sha256:
            raise ManifestError(
                f"{path} has SHA-256 {digest}, {FILENAME} says {entry.sha256}; {_REMEDY}"
            )


_REMEDY = "restore the folder from version control, or publish it with `python -m training.export`"


def discover(root: Path) -> list[Path]:
    """The folders of published models below `root`, by name; anything hidden is not published.

    Raises:
        ManifestError: `root` is not a folder.

    """
    if not root.is_dir():
        raise ManifestError(f"{root} is not a folder of published models")
    return sorted(
        path.parent for path in root.glob(f"*/{FILENAME}") if not path.parent.name.startswith(".")
    )


def _validate(manifest: Manifest, folder: Path, path: Path) -> None:
    """What types alone cannot say."""
    if not NAME_PATTERN.fullmatch(manifest.name):
        raise ManifestError(
            f"{path}: name is {manifest.name!r}, expected lower-case letters, digits, '-' and '_'"
        )
    if not folder.name.startswith(".") and manifest.name != folder.name:
        raise ManifestError(
            f"{path}: name is {manifest.name!r}, but the folder is called {folder.name!r}"
        )
    if not (manifest.inputs and manifest.outputs and manifest.files):
        raise ManifestError(f"{path}: inputs, outputs and files must not be empty")
    for kind, names in (
        ("inputs", [tensor.name for tensor in manifest.inputs]),
        ("outputs", [tensor.name for tensor in manifest.outputs]),
        ("files", [str(entry.role) for entry in manifest.files]),
    ):
        if len(set(names)) != len(names):
            raise ManifestError(f"{path}: {kind} names something twice: {', '.join(names)}")
    for entry in manifest.files:
        if Path(entry.path).name != entry.path or entry.path.startswith("."):
            raise ManifestError(
                f"{path}: files.path is {entry.path!r}, expected a plain file name in this folder"
            )
    for state in manifest.states:
        if state.input not in {tensor.name for tensor in manifest.inputs}:
            raise ManifestError(f"{path}: states names {state.input!r}, which is no input")
        if state.output not in {tensor.name for tensor in manifest.outputs}:
            raise ManifestError(f"{path}: states names {state.output!r}, which is no output")


def _build(kind: Any, value: Any, where: str) -> Any:
    """`value`, as JSON gave it, as an instance of the type `kind`; strict, nothing is coerced."""
    origin, arguments = get_origin(kind), get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _build_dataclass(kind, value, where)
    if origin in (UnionType, Union):
        if value is None and NoneType in arguments:
            return None
        for option in arguments:
            if option is not NoneType and _fits(option, value):
                return _build(option, value, where)
    elif origin is Literal:
        if value in arguments and not isinstance(value, bool):
            return value
    elif origin is tuple:
        if isinstance(value, list):
            kinds = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
            if len(kinds) == len(value):
                pairs = zip(kinds, value, strict=True)
                return tuple(_build(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(pairs))
    elif _fits(kind, value):
        return value
    raise ManifestError(f"{where}: expected {_describe(kind)}, found {_show(value)}")


def _build_dataclass(kind: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ManifestError(f"{where}: expected an object, found {_show(value)}")
    hints = get_type_hints(kind)
    required = {
        f.name
        for f in dataclasses.fields(kind)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    if missing := sorted(required - value.keys()):
        raise ManifestError(f"{where}: missing {', '.join(missing)}")
    if unknown := sorted(value.keys() - hints.keys()):
        raise ManifestError(f"{where}: unknown {', '.join(unknown)}")
    return kind(**{key: _build(hints[key], item, f"{where}: {key}") for key, item in value.items()})


def _fits(kind: Any, value: Any) -> bool:
    """Whether a plain JSON value is of `kind`; true is no number, and an int may stand for 1.0."""
    if get_origin(kind) is tuple:
        return isinstance(value, list)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if get_origin(kind) is not None:
        return isinstance(value, dict)
    return isinstance(value, kind) and not isinstance(value, bool)


def _describe(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")


def _show(value: Any) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."
