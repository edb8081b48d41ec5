"""Predictions are kept with their pictures, and what was right finds them again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from service.errors import AmbiguousRequestError, NotKeptError, UnknownRequestError
from service.inference.classifier import Prediction
from service.monitoring.monitor import Corrected, Monitor, Seen
from service.monitoring.records import decode_pixels, find_records, read_records
from service.monitoring.segments import find_segments
from service.uploads.feedback import Feedback
from service.uploads.request_head import current_id
from tests.support.metrics import metrics
from tests.support.published import picture
from tests.support.servers.refused import SEVEN

ROWS = picture(7).astype(np.float32) / np.float32(255)


def monitor(folder: Path, *, pictures: bool = True) -> Monitor:
    return Monitor(
        folder, 1024**2, 1, lambda name: f"digest of {name}", metrics(), pictures=pictures
    )


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Monitor]:
    keeper = monitor(tmp_path / "kept")
    yield keeper
    keeper.close()


def read(digit: int) -> Prediction:
    return Prediction(
        digit=digit,
        confidence=0.6,
        probabilities=[0.1] * 10,
        accepted=False,
        reason="low_confidence",
        see=None,
        model="lstm",
        provider="CPUExecutionProvider",
    )


def keep(keeper: Monitor, request_id: str, *digits: int) -> None:
    token = current_id.set(request_id)
    seen = [Seen(ROWS, index, SEVEN) for index in range(len(digits))]
    keeper.keep([read(digit) for digit in digits], seen)
    current_id.reset(token)


def tell(
    keeper: Monitor, request_id: str, digit: int | None, index: int | None = None
) -> Corrected:
    records = find_records(keeper.folder, request_id)
    return keeper.correct(records, Feedback(request_id, digit, index))


def test_a_line_says_what_was_read_of_what(keeper: Monitor) -> None:
    keep(keeper, "a", 1)
    [kept] = read_records(keeper.folder).predictions
    assert (kept.request_id, kept.index, kept.model, kept.digest) == (
        "a",
        0,
        "lstm",
        "digest of lstm",
    )
    assert (kept.digit, kept.confidence, kept.accepted) == (1, 0.6, False)
    assert (kept.reason, kept.format, kept.bytes) == ("low_confidence", "PNG", len(SEVEN))
    assert kept.pixels is not None
    assert np.array_equal(decode_pixels(kept.pixels), picture(7))


def test_pictures_are_kept_only_where_that_is_wanted(tmp_path: Path) -> None:
    keeper = monitor(tmp_path, pictures=False)
    keep(keeper, "a", 1)
    [segment] = find_segments(tmp_path)
    keeper.close()
    assert b"pixels" not in segment.read_bytes()


def test_the_last_word_counts_and_the_same_word_is_kept_once(keeper: Monitor) -> None:
    keep(keeper, "a", 1)
    assert tell(keeper, "a", 7).earlier == []
    assert tell(keeper, "a", 7).earlier == [7]
    assert tell(keeper, "a", None).earlier == [7]
    told = tell(keeper, "a", 7)
    assert (told.read, told.model, told.digit, told.earlier) == (1, "lstm", 7, [7, None])
    assert [found.told for found in read_records(keeper.folder).corrections] == [7, None, 7]


def test_another_worker_s_answer_can_be_corrected(keeper: Monitor) -> None:
    other = monitor(keeper.folder)
    keep(other, "a", 1)
    assert tell(keeper, "a", 7).read == 1
    other.close()


def test_of_several_pictures_the_index_says_which(keeper: Monitor) -> None:
    keep(keeper, "batch", 1, 2)
    with pytest.raises(AmbiguousRequestError, match="had 2 pictures; give as index"):
        tell(keeper, "batch", 7)
    with pytest.raises(UnknownRequestError, match=r"no prediction at index 2, only at \[0, 1\]"):
        tell(keeper, "batch", 7, 2)
    assert tell(keeper, "batch", 7, 1).read == 2


def test_an_id_that_two_requests_had_is_refused(keeper: Monitor) -> None:
    keep(keeper, "a", 1)
    keep(keeper, "a", 2)
    with pytest.raises(AmbiguousRequestError, match="several requests had the id 'a'"):
        tell(keeper, "a", 7)


@pytest.mark.parametrize("name", ["b", "", 'a","index":0'])
def test_an_id_that_nothing_is_kept_of_is_unknown(keeper: Monitor, name: str) -> None:
    keep(keeper, "a", 1)
    with pytest.raises(UnknownRequestError, match="oldest predictions make room"):
        tell(keeper, name, 7)


def test_a_line_that_a_kill_has_cut_off_is_passed_over(keeper: Monitor) -> None:
    keep(keeper, "a", 1)
    keep(keeper, "b", 2)
    keeper.close()
    [segment] = find_segments(keeper.folder)
    segment.write_bytes(segment.read_bytes()[:-30])
    assert [kept.request_id for kept in read_records(keeper.folder).predictions] == ["a"]
    with pytest.raises(UnknownRequestError):
        tell(keeper, "b", 7)
    keep(keeper, "c", 3)
    assert tell(keeper, "c", 7).read == 3


def test_a_folder_that_cannot_be_written_stops_the_keeping_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = monitor(tmp_path / "kept")
    keep(keeper, "a", 1)
    records = find_records(keeper.folder, "a")
    for path in keeper.folder.iterdir():
        path.unlink()
    keeper.folder.rmdir()
    keeper.folder.write_text("a file")
    keep(keeper, "b", 2)
    keep(keeper, "c", 3)
    with pytest.raises(NotKeptError, match="cannot be kept now"):
        keeper.correct(records, Feedback("a", 7, None))
    assert [found.levelname for found in caplog.records] == ["ERROR"]  # once, not for each line
    keeper.close()
