"""The contract: what a manifest may say, and what is refused, by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from models import manifest
from models.manifest import ManifestError
from tests.support.manifests import example


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
    with pytest.raises(ManifestError, match=r"cannot be read as JSON: recursion limit .*; restore"):
        manifest.read(folder)


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        (b'{\n "name": }', "expected value at line 2 column 10"),
        (b'{"name": "\xff"}', "invalid unicode code point at line 1 column 11"),
        (b"9" * 5000, "number out of range at line 1 column 4302"),
    ],
)
def test_broken_json_is_told_where(folder: Path, content: bytes, flaw: str) -> None:
    (folder / manifest.FILENAME).write_bytes(content)
    with pytest.raises(ManifestError, match=f"cannot be read as JSON: {flaw}; restore"):
        manifest.read(folder)


def test_what_is_written_is_read_back(folder: Path) -> None:
    assert manifest.read(folder) == example(folder)
    manifest.verify(folder, manifest.read(folder))


LOGITS = {"name": "logits", "dtype": "float32", "dims": ["batch", 2]}
SCORE = {"split": "test", "name": "accuracy", "value": 1, "n": 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema_version is 2, this RowReader reads 1"),
        ({"schema_version": True}, "schema_version is true"),
        ({"schema_version": ...}, "schema_version is null"),
        ({"labels": ...}, "labels: Field required; correct it, or publish"),
        ({"colour": "red"}, "colour: Unexpected keyword argument, found 'red'; correct it"),
        (
            {"task": "paint"},
            "task: Input should be 'classify', 'classify_rows', 'reconstruct', 'regress' or "
            "'transcribe', found",
        ),
        ({"name": "other"}, "the folder is called 'example'"),
        ({"name": "../up"}, r"name: String should match pattern '\^\[a-z0-9\]"),
        ({"name": "up\n"}, "name: String should match pattern"),
        ({"labels": [0, 1]}, r"labels\[0\]: Input should be a valid string, found 0; correct it"),
        ({"labels": "01"}, "labels: Input should be a valid array, found '01'"),
        ({"inputs": []}, r"inputs are \[\], expected at least one"),
        (
            {"outputs": [LOGITS, LOGITS]},
            r"outputs are \['logits', 'logits'\], .* each once; correct",
        ),
        ({"files": [{"role": "onnx"}]}, r"files\[0\]\.path: Field required"),
        ({"files": ["model.onnx"]}, r"files\[0\]: Input should be an object, found 'model.onnx'"),
        ({"metrics": [{**SCORE, "value": True}]}, r"value: Input should be a valid number"),
        ({"metrics": [{**SCORE, "value": "1"}]}, r"value: Input should be a valid number"),
        ({"metrics": [{**SCORE, "n": True}]}, r"metrics\[0\]\.n: Input should be a valid integer"),
        ({"metrics": [{**SCORE, "n": 1.0}]}, r"n: Input should be a valid integer, found 1\.0"),
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


def test_an_integer_may_stand_where_a_float_belongs(folder: Path) -> None:
    edit(folder, metrics=[SCORE])
    assert manifest.read(folder).metric("test", "accuracy").value == 1.0


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ([1, 0], "the lesser number first"),
        ([0, 0], "the lesser number first"),
        ([float("nan"), 1], "a finite number"),
        ([0, float("inf")], "a finite number"),
    ],
)
def test_a_range_that_is_none_is_refused(folder: Path, bounds: list[float], expected: str) -> None:
    [rows] = json.loads((folder / manifest.FILENAME).read_text())["inputs"]
    edit(folder, inputs=[{**rows, "range": bounds}])
    with pytest.raises(ManifestError, match=rf"inputs\[0\].*range.*{expected}.*export"):
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
        ("threshold", 1.01, "less than or equal to 1, found 1.01"),
        ("threshold", -0.01, "greater than or equal to 0, found -0.01"),
        ("threshold", float("nan"), "than or equal to ., found nan"),
        ("temperature", 0.0, "greater than 0, found 0.0"),
        ("temperature", -1.0, "greater than 0, found -1.0"),
        ("temperature", float("inf"), "a finite number, found inf"),
        ("temperature", float("nan"), "a finite number, found nan"),
    ],
)
def test_a_calibration_that_judges_nothing_rightly_is_refused(
    folder: Path, field: str, value: float, expected: str
) -> None:
    edit(folder, calibration=CALIBRATION)
    assert manifest.read(folder).calibration is not None
    edit(folder, calibration={**CALIBRATION, field: value})
    with pytest.raises(ManifestError, match=rf"calibration\.{field}: .*{expected}; correct it"):
        manifest.read(folder)


@pytest.mark.parametrize("path", ["../model.onnx", "/model.onnx", "a/model.onnx", ".hidden"])
def test_a_file_outside_its_folder_is_refused(folder: Path, path: str) -> None:
    edit(folder, files=[{"role": "onnx", "path": path, "sha256": "0", "size": 1}])
    with pytest.raises(ManifestError, match=r"files\[0\]\.path: .* found"):
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


READING = {
    "whole": "lstm",
    "whole_sha256": "0" * 64,
    "temperatures": [2.0, 1.5],
    "accuracies": [0.2, 0.9],
    "confidences": [0.2, 0.9],
    "calibration_errors": [0.1, 0.0],
    "early_decisions": [{"stop_at": 0.9, "rows": 1.5, "accuracy": 0.8}],
    "n": 10,
}


def test_what_is_known_after_each_row_is_read_back(folder: Path) -> None:
    edit(folder, task="classify_rows", calibration=CALIBRATION, row_reading=READING)
    reading = manifest.read(folder).row_reading
    assert reading is not None
    assert reading.temperatures == (2.0, 1.5)
    assert reading.early_decisions[0].rows == 1.5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracies": [0.9]}, "differ in length from temperatures, which has 2; correct"),
        ({"temperatures": [2.0, 0]}, r"temperatures\[1\]: Input should be greater than 0"),
        ({"temperatures": [2.0, 1.0]}, "ends with another temperature than that of the whole"),
    ],
)
def test_figures_of_rows_that_contradict_each_other_are_refused(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    reading = {**READING, **changes}
    edit(folder, task="classify_rows", calibration=CALIBRATION, row_reading=reading)
    with pytest.raises(ManifestError, match=message):
        manifest.read(folder)


@pytest.mark.parametrize("task", ["classify", "classify_rows"])
def test_only_a_model_that_reads_rows_says_what_they_are_worth(folder: Path, task: str) -> None:
    edit(folder, task=task, row_reading=READING if task == "classify" else None)
    with pytest.raises(ManifestError, match="only one that reads rows has row_reading"):
        manifest.read(folder)
