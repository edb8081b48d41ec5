"""What the types of a manifest's fields cannot say: names that fit, and that lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.manifest import Manifest

_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def problems(manifest: "Manifest", folder: Path) -> Iterator[str]:
    """What is wrong with `manifest`, as it lies in `folder`; nothing when it is sound."""
    yield from _of_names(manifest, folder)
    yield from _of_lists(manifest)
    yield from _of_files(manifest)
    yield from _of_states(manifest)


def _of_names(manifest: "Manifest", folder: Path) -> Iterator[str]:
    name = manifest.name
    if not _NAME_PATTERN.fullmatch(name):
        yield f"name is {name!r}, expected lower-case letters, digits, '-' and '_'"
    if not folder.name.startswith(".") and name != folder.name:
        yield f"name is {name!r}, but the folder is called {folder.name!r}"


def _of_lists(manifest: "Manifest") -> Iterator[str]:
    if not (manifest.inputs and manifest.outputs and manifest.files):
        yield "inputs, outputs and files must not be empty"
    for kind, names in (
        ("inputs", [tensor.name for tensor in manifest.inputs]),
        ("outputs", [tensor.name for tensor in manifest.outputs]),
        ("files", [str(entry.role) for entry in manifest.files]),
    ):
        if len(set(names)) != len(names):
            yield f"{kind} names something twice: {', '.join(names)}"


def _of_files(manifest: "Manifest") -> Iterator[str]:
    for entry in manifest.files:
        if Path(entry.path).name != entry.path or entry.path.startswith("."):
            yield f"files.path is {entry.path!r}, expected a plain file name in this folder"


def _of_states(manifest: "Manifest") -> Iterator[str]:
    for state in manifest.states:
        if state.input not in {tensor.name for tensor in manifest.inputs}:
            yield f"states names {state.input!r}, which is no input"
        if state.output not in {tensor.name for tensor in manifest.outputs}:
            yield f"states names {state.output!r}, which is no output"
