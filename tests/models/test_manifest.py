"""The contract: what a manifest may say, and what is refused, by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from models import manifest
from models.manifest import File, Manifest, ManifestError, Metric, Parity, Tensor


def example(folder: Path, name: str = "example") -> Manifest:
    """A complete manifest whose one file lies in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(b"graph")
    return Manifest(
        name=name,
        task="classify",
        recipe={"cell": "lstm"},
        labels=("0", "1"),
        inputs=(Tensor(name="rows", dtype="float32", dims=("batch", 28, 28), range=(0.0, 1.0)),),
        outputs=(Tensor(name="logits", dtype="float32", dims=("batch", 2)),),
        files=(File.of(folder / "model.onnx", "onnx", opset=17),),
        metrics=(Metric(split="test", name="accuracy", value=1.0, n=10_000),),
        parity=(
            Parity(
                backend="onnxruntime",
                provider="CPUExecutionProvider",
                batch_size=1,
                max_difference=1e-6,
                agreed=10,
                n=10,
                accuracy=0.99,
            ),
        ),
        provenance={"dataset": "mnist"},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "example"
    (folder / "x").parent.mkdir()
    (folder / manifest.FILENAME).write_text(example(folder).to_json())
    return folder


def edit(folder: Path, **changes: Any) -> None:
    path = folder / manifest.FILENAME
    document = json.loads(path.read_text())
    for key, value in changes.items():
        if value is ...:
            del document[key]
        else:
            document[key] = value
    path.write_text(json.dumps(document))


def test_nesting_without_an_end_is_refused(folder: Path) -> None:
    (folder / manifest.FILENAME).write_bytes(b"[" * 100_000)
    with pytest.raises(ManifestError, match="cannot be read as JSON: it is nested too deeply"):
        manifest.read(folder)


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        (b'{\n "name": }', "it is broken at line 2, column 10"),
        (b'{"name": "\xff"}', "byte 10 is not UTF-8"),
        (b"9" * 5000, "a number has too many digits"),
    ],
)
def test_broken_json_is_told_where_in_our_words(folder: Path, content: bytes, flaw: str) -> None:
    (folder / manifest.FILENAME).write_bytes(content)
    with pytest.raises(ManifestError, match=f"cannot be read as JSON: {flaw}; restore"):
        manifest.read(folder)


def test_what_is_written_is_read_back(folder: Path) -> None:
    assert manifest.read(folder) == example(folder)
    manifest.verify(folder, manifest.read(folder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema_version is 2, this RowReader reads 1"),
        ({"schema_version": True}, "schema_version is true"),
        ({"labels": ...}, "missing labels"),
        ({"colour": "red"}, "unknown colour"),
        ({"task": "paint"}, "task: expected"),
        ({"name": "other"}, "the folder is called 'example'"),
        ({"name": "../up"}, "expected lower-case letters"),
        ({"labels": [0, 1]}, r"labels\[0\]: expected str, found 0"),
        ({"labels": "01"}, "labels: expected tuple"),
        ({"inputs": []}, "must not be empty"),
        ({"files": [{"role": "onnx"}]}, r"files\[0\]: missing path, sha256, size"),
        ({"files": ["model.onnx"]}, r"files\[0\]: expected an object"),
        ({"metrics": [{"split": "test", "name": "a", "value": True, "n": 1}]}, "value: expected"),
        ({"states": [{"input": "h", "output": "logits"}]}, "'h', which is no input"),
        ({"states": [{"input": "rows", "output": "h"}]}, "'h', which is no output"),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused_by_key(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    edit(folder, **changes)
    with pytest.raises(ManifestError, match=message):
        manifest.read(folder)


@pytest.mark.parametrize("bounds", [[1, 0], [0, 0], [float("nan"), 1], [0, float("inf")]])
def test_a_range_that_is_none_is_refused(folder: Path, bounds: list[float]) -> None:
    [rows] = json.loads((folder / manifest.FILENAME).read_text())["inputs"]
    edit(folder, inputs=[{**rows, "range": bounds}])
    with pytest.raises(ManifestError, match=r"inputs\[0\]: range is .*lesser one first.*export"):
        manifest.read(folder)


CALIBRATION = {
    "temperature": 1.5,
    "threshold": 0.5,
    "rejected": 0.01,
    "calibration_error": 0.01,
    "uncalibrated_error": 0.02,
    "bins": 15,
    "n": 5000,
}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("threshold", 1.01, r"a probability in \[0, 1\]"),
        ("threshold", -0.01, r"a probability in \[0, 1\]"),
        ("threshold", float("nan"), r"a probability in \[0, 1\]"),
        ("temperature", 0.0, "a positive, finite number"),
        ("temperature", -1.0, "a positive, finite number"),
        ("temperature", float("inf"), "a positive, finite number"),
        ("temperature", float("nan"), "a positive, finite number"),
    ],
)
def test_a_calibration_that_judges_nothing_rightly_is_refused(
    folder: Path, field: str, value: float, expected: str
) -> None:
    edit(folder, calibration=CALIBRATION)
    assert manifest.read(folder).calibration is not None
    edit(folder, calibration={**CALIBRATION, field: value})
    with pytest.raises(ManifestError, match=rf"calibration: {field} is .*{expected}; correct it"):
        manifest.read(folder)


@pytest.mark.parametrize("path", ["../model.onnx", "/model.onnx", "a/model.onnx", ".hidden"])
def test_a_file_outside_its_folder_is_refused(folder: Path, path: str) -> None:
    edit(folder, files=[{"role": "onnx", "path": path, "sha256": "0", "size": 1}])
    with pytest.raises(ManifestError, match="expected a plain file name"):
        manifest.read(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff"])
def test_what_is_not_a_json_object_is_refused(folder: Path, text: str) -> None:
    (folder / manifest.FILENAME).write_text(text, encoding="latin-1")
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        manifest.read(folder)


def test_a_missing_manifest_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"python -m training\.export"):
        manifest.read(tmp_path)


def test_an_altered_file_is_refused_by_digest(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"grape")
    with pytest.raises(ManifestError, match=r"model\.onnx has SHA-256"):
        manifest.verify(folder, manifest.read(folder))


def test_a_truncated_file_is_refused_by_size(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"gra")
    with pytest.raises(ManifestError, match=r"model\.onnx has 3 bytes, manifest\.json says 5"):
        manifest.verify(folder, manifest.read(folder))


def test_a_missing_file_is_refused_by_name(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    with pytest.raises(ManifestError, match=r"model\.onnx is missing"):
        manifest.verify(folder, manifest.read(folder))


def test_a_role_that_was_not_published_is_named(folder: Path) -> None:
    with pytest.raises(ManifestError, match="no torchscript file, only: onnx"):
        manifest.read(folder).file("torchscript")


def test_only_complete_visible_folders_are_discovered(folder: Path) -> None:
    root = folder.parent
    hidden = root / ".example-123"
    hidden.mkdir()
    (hidden / manifest.FILENAME).write_text("{}")
    (root / "empty").mkdir()
    assert manifest.discover(root) == [folder]


def test_a_model_without_a_manifest_is_not_overlooked(folder: Path) -> None:
    (folder / manifest.FILENAME).unlink()
    (folder / "model.onnx").touch()
    assert manifest.discover(folder.parent) == [folder]
    with pytest.raises(ManifestError, match=r"manifest.json is missing.*not a published model"):
        manifest.read(folder)


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="nowhere is not a folder of published models"):
        manifest.discover(tmp_path / "nowhere")
