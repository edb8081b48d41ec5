"""Who imports whom: proven in fresh interpreters, and by reading the sources."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

SERVE = """
import sys
import numpy as np
from models import manifest
from service import app, preprocess, registry
from service.settings import Settings

loaded = registry.load(Settings.from_environment(models_dir=sys.argv[1], device="cpu"))
model = loaded.model("lstm")
model.backend.run({"rows": np.zeros((1, 28, 28), np.float32)})
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_serving_onnx_needs_neither_torch_nor_training(models_dir: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SERVE, str(models_dir)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = set(run.stdout.split())
    assert {"bentoml", "models", "onnxruntime", "service"} <= imported
    assert not imported & {"onnx", "sklearn", "torch", "torchvision", "training"}


def imports(path: Path) -> set[str]:
    """The modules that a source file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def from_package(path: Path, package: str) -> set[str]:
    return {name for name in imports(path) if name.partition(".")[0] == package}


@pytest.mark.parametrize("path", sorted(ROOT.glob("service/*.py")), ids=lambda path: path.name)
def test_the_service_does_not_know_training(path: Path) -> None:
    assert not from_package(path, "training")


@pytest.mark.parametrize("path", sorted(ROOT.glob("training/*.py")), ids=lambda path: path.name)
def test_training_knows_the_service_only_to_prove_by_it(path: Path) -> None:
    allowed = "service.backends" if path.name == "parity.py" else ()
    assert all(name.startswith(allowed) for name in from_package(path, "service") - {"service"})


@pytest.mark.parametrize("path", sorted(ROOT.glob("models/*.py")), ids=lambda path: path.name)
def test_the_contract_needs_the_standard_library_only(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports(path)}
    assert roots <= sys.stdlib_module_names | {"models"}


def test_torch_is_imported_by_one_module_of_the_service() -> None:
    users = {path.name for path in ROOT.glob("service/*.py") if from_package(path, "torch")}
    assert users == {"torchscript_backend.py"}
