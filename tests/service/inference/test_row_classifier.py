"""What reads row by row: its progress, and how it belongs to the classifier of whole digits."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from models import manifest
from service.errors import ModelNotFoundError, WrongStateError, WrongTaskError
from service.inference.backends import open_backend
from service.inference.model import Model
from service.inference.registry import LoadError, Registry, load
from service.inference.row_classifier import Progress, RowClassifier
from service.settings import Settings
from tests.support.published import finished, picture, publish, publish_rows

ROWS = picture(7).astype(np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def registry(models_dir: Path) -> Registry:
    return load(Settings.from_environment(models_dir=models_dir, device="cpu"))


@pytest.fixture
def classifier(registry: Registry) -> RowClassifier:
    return registry.row_classifier(None)


def read(classifier: RowClassifier, *cuts: int) -> tuple[list[int], Progress]:
    """The digit after each row of a 7 that comes in pieces of these many rows."""
    progress, digits = classifier.start, []
    for end, rows in zip(np.cumsum(cuts), np.split(ROWS, np.cumsum(cuts)[:-1]), strict=True):
        found, progress = finished(classifier.prepare(progress, rows, hidden=False))
        assert found[-1].row == progress.row == end
        digits += [each.digit for each in found]
    return digits, progress


@pytest.mark.parametrize("cuts", [(28,), (1,) * 28, (27, 1), (5, 12, 11)])
def test_a_digit_is_read_alike_however_its_rows_come(
    classifier: RowClassifier, cuts: tuple[int, ...]
) -> None:
    at_once, whole = read(classifier, 28)
    digits, progress = read(classifier, *cuts)
    assert digits == at_once
    assert progress.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
    assert classifier.predict(progress).digit == 7
    [expected] = finished(classifier.whole.prepare(ROWS[np.newaxis]))
    assert classifier.predict(progress).confidence == pytest.approx(expected.confidence, abs=1e-6)


def test_each_row_has_a_temperature_of_its_own(registry: Registry, models_dir: Path) -> None:
    described = manifest.read(models_dir / "lstm-rows")
    assert described.row_reading is not None
    temperatures = (*(5.0,) * 27, 1.0)
    hot = dataclasses.replace(
        described, row_reading=dataclasses.replace(described.row_reading, temperatures=temperatures)
    )
    backend = open_backend("onnxruntime", models_dir / "lstm-rows", described, device="cpu")
    cold = registry.row_classifier(None)
    warm = RowClassifier(Model(hot, backend), registry.classifier(None))
    before, _ = finished(cold.prepare(cold.start, ROWS, hidden=False))
    after, _ = finished(warm.prepare(warm.start, ROWS, hidden=False))
    assert after[-1].probabilities == pytest.approx(before[-1].probabilities, abs=1e-6)
    sure = [(a.confidence, b.confidence) for a, b in zip(after, before, strict=True)][:-1]
    assert all(a <= b for a, b in sure)
    assert max(a for a, _ in sure) < max(b for _, b in sure)
    assert [row.digit for row in after] == [row.digit for row in before]


def test_what_was_read_can_be_packed_and_taken_up_again(classifier: RowClassifier) -> None:
    progress, kept = classifier.start, []
    for row in ROWS[:, np.newaxis]:
        _, progress = finished(classifier.prepare(progress, row, hidden=False))
        kept.append(progress)
        again = classifier.unpack(classifier.pack(progress))
        assert (again.row, again.ink) == (progress.row, progress.ink)
        assert again.probabilities == progress.probabilities
        for name, state in progress.state.items():
            np.testing.assert_array_equal(again.state[name], state)
    assert [progress.ink for progress in kept] == [bool(ROWS[: n + 1].any()) for n in range(28)]
    assert classifier.unpack(classifier.pack(classifier.start)).probabilities == ()


def test_a_progress_of_other_weights_is_refused(classifier: RowClassifier, tmp_path: Path) -> None:
    publish(tmp_path, "lstm", shift=1)
    publish_rows(tmp_path, "lstm", shift=1)
    other = load(Settings.from_environment(models_dir=tmp_path, device="cpu"))
    with pytest.raises(WrongStateError, match="not handed out by the model 'lstm' that is served"):
        other.row_classifier(None).unpack(classifier.pack(classifier.start))


def test_rows_without_ink_are_blank(classifier: RowClassifier) -> None:
    blank = np.zeros((28, 28), np.float32)
    _, progress = finished(classifier.prepare(classifier.start, blank, hidden=False))
    assert classifier.predict(progress).reason == "blank"


def test_the_hidden_state_is_that_of_the_last_row(classifier: RowClassifier) -> None:
    found, _ = finished(classifier.prepare(classifier.start, ROWS[:15], hidden=True))
    assert found[-1].hidden == ROWS[14].tolist()


def test_models_that_cannot_be_read_row_by_row_say_so(registry: Registry) -> None:
    with pytest.raises(WrongTaskError, match=r"'gru' cannot be read row by row; .* can: lstm"):
        registry.row_classifier("gru")
    with pytest.raises(WrongTaskError, match="its task is classify_rows"):
        registry.classifier("lstm-rows")
    with pytest.raises(ModelNotFoundError):
        registry.row_classifier("vit")


def test_a_stream_beside_a_classifier_of_other_weights_is_not_served(tmp_path: Path) -> None:
    """One of the two was published anew: they would decide differently."""
    publish(tmp_path, "gru", shift=1)
    publish_rows(tmp_path, "gru", shift=1)
    publish(tmp_path / "new", "gru")
    for name in ("model.onnx", "model.pt", manifest.FILENAME):
        (tmp_path / "new" / "gru" / name).replace(tmp_path / "gru" / name)
    settings = Settings.from_environment(models_dir=tmp_path, device="cpu", default_model="gru")
    with pytest.raises(LoadError, match="'gru-rows' belongs to another 'gru' than the one"):
        load(settings)


def test_a_stream_alone_is_served_as_a_graph_only(tmp_path: Path) -> None:
    publish(tmp_path, "lstm")
    publish(tmp_path, "gru")
    publish_rows(tmp_path, "gru")
    for path in (tmp_path / "gru").iterdir():
        path.unlink()
    (tmp_path / "gru").rmdir()
    registry = load(Settings.from_environment(models_dir=tmp_path, device="cpu"))
    assert registry.model("gru-rows").manifest.task == "classify_rows"
    assert [m["rows"] for m in registry.listing()] == [False, False]
