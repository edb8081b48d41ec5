"""What a run is made with, before it begins."""

import importlib.util
from pathlib import Path

import pytest

from models import manifest
from tests.support.bulk import NEEDS, draw

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("pyarrow"), reason=NEEDS),
]


@pytest.mark.parametrize(
    ("backend", "runs", "role"),
    [
        ("onnxruntime", "onnxruntime", "onnx"),
        ("openvino", "onnxruntime", "onnx"),
        ("auto", "onnxruntime", "onnx"),
        ("torchscript", "torchscript", "torchscript"),
    ],
)
def test_rows_are_made_by_the_library_whose_file_is_named(
    backend: str,
    runs: str,
    role: manifest.Role,
    models_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from service.bulk.plan import make_job

    monkeypatch.setenv("ROWREADER_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("ROWREADER_BACKEND", backend)
    draw(tmp_path / "scans", 1)
    job = make_job(str(tmp_path / "scans"), str(tmp_path / "out"), "lstm", 10)
    assert job.settings["backend"] == runs
    assert job.record.model_sha256 == manifest.read(models_dir / "lstm").file(role).sha256
