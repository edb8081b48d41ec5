"""What a package imports, pyproject.toml installs for it: nothing comes by chance."""

import ast
import importlib.metadata
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.project import ROOT

OURS = {"models", "service", "tests", "training"}
# Which extras of pyproject.toml are installed where a package is used.
EXTRAS = {
    "models": (),
    "service": ("bulk", "torchscript", "openvino"),
    "training": ("training", "bulk"),
    "tests": ("training", "dev", "bench", "bulk", "openvino"),
}
# Programs that run in an environment of their own, with a list of what is in it.
APART = {"kserve_client.py", "mlserver_runtime.py"}


def declared(extras: tuple[str, ...]) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imported(file: Path) -> Iterator[str]:
    """The top-level names that a file imports anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", EXTRAS)
def test_what_is_imported_is_declared(package: str) -> None:
    distributions = importlib.metadata.packages_distributions()
    known = declared(EXTRAS[package])
    undeclared = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in (ROOT / package).rglob("*.py")
        if file.name not in APART
        for name in imported(file)
        if name not in OURS | sys.stdlib_module_names
        if not known & {canonicalize_name(found) for found in distributions.get(name, [name])}
    }
    assert undeclared == set()
