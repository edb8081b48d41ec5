"""Who imports what: serving, in a fresh interpreter, and the tests; the rest is import-linter's."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT

SERVE = """
import sys
import numpy as np
from service import app
from service.inference import registry
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
    assert not imported & {"onnx", "pyarrow", "ray", "sklearn", "torch", "torchvision", "training"}


def test_no_test_imports_another() -> None:
    """What several share is in tests/support."""
    other = re.compile(r"^\s*(?:from|import) tests\.(?!support|benchmarks)\S+", re.MULTILINE)
    found = {path: other.findall(path.read_text()) for path in (ROOT / "tests").rglob("*.py")}
    assert {str(path): lines for path, lines in found.items() if lines} == {}
