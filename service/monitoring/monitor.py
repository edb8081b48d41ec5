"""Keeps predictions and corrections, by `bentoml.monitor`.

BentoML's own collector writes files that everybody may read and that grow without bound, names its
requests otherwise than the answers do, and prints a traceback for each line that it cannot write.
So lines go to a collector of ours; who keeps nothing, for whatever reason, still answers.
"""

import collections
import functools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bentoml
import msgspec
from bentoml.monitoring import MonitorBase
from pydantic import BaseModel, Field

from models.arrays import Floats
from service.errors import (
    AmbiguousRequestError,
    NotKeptError,
    UnknownRequestError,
    quote,
)
from service.images.image_file import sniff_format_and_size
from service.inference.classifier import Prediction
from service.metrics import Metrics
from service.monitoring.records import KeptPrediction, Records, encode_pixels
from service.monitoring.segments import Segments
from service.uploads.feedback import Feedback
from service.uploads.request_head import current_id

_RETRY = 1.0  # seconds between two tries to write, after one that failed

_log = logging.getLogger("rowreader")


@dataclass(frozen=True)
class Seen:
    """What a prediction was made of: the picture, its place in the request, its file if any."""

    rows: Floats | None  # (28, 28) in [0, 1]; None where they are not at hand any more
    index: int = 0
    file: bytes | None = None


class Corrected(BaseModel):
    """What a correction was about, and that it is kept."""

    request_id: str = Field(description="Of the answer that is corrected.")
    index: int = Field(ge=0, description="The place of the picture in the request.")
    digit: int | None = Field(
        ge=0, le=9, description="The right answer, as told; null: it shows no digit."
    )
    read: int = Field(ge=0, le=9, description="What the model had read.")
    model: str = Field(description="The model that had read it.")
    earlier: list[int | None] = Field(
        description="What was told of it before, in that order; the last word counts."
    )


class LineCollector(MonitorBase[Any]):
    """BentoML's collector of one kind of records, each written as a line of JSON."""

    def __init__(self, name: str, write: Callable[[list[bytes]], None]) -> None:
        """Hand lines to `write`, which does not fail."""
        super().__init__(name)
        # `service.monitoring.records` says what the columns are: BentoML need not find that out,
        # which it would warn of at each picture of a first batch.
        self.columns_schema = {}
        self._write = write

    def export_data(self, datas: Mapping[str, "collections.deque[Any]"]) -> None:
        """Write a line for each of the records, whose columns are `datas`."""
        moment = datetime.now(UTC).isoformat(timespec="microseconds")
        records = zip(*datas.values(), strict=True)
        self._write(
            [
                msgspec.json.encode({"time": moment, **dict(zip(datas, record, strict=True))})
                + b"\n"
                for record in records
            ]
        )


class Monitor:
    """What this process keeps."""

    def __init__(
        self,
        folder: Path,
        max_bytes: int,
        workers: int,
        digest: Callable[[str], str],
        metrics: Metrics,
        *,
        pictures: bool,
    ) -> None:
        """Keep lines in `folder`, as `Segments` does.

        Args:
            folder: where lines are kept.
            max_bytes: how many bytes they may take.
            workers: how many processes write there.
            digest: of a model, by its name.
            metrics: count what is kept.
            pictures: whether to keep, too, what the model saw.

        """
        self.folder = folder
        self._segments = Segments(folder, max_bytes, workers)
        self._digest, self._metrics, self._pictures = digest, metrics, pictures
        self._next_try = 0.0  # by the monotonic clock; 0 while nothing has failed
        self._collectors: dict[str, dict[str, Any]] = {
            what: {
                "name": f"{folder}/{what}",
                "monitor_class": LineCollector,
                "monitor_options": {"write": functools.partial(self._write, what)},
            }
            for what in ("prediction", "correction")
        }

    def keep(self, predictions: Iterable[Prediction], seen: Iterable[Seen]) -> None:
        """Keep the predictions of one request, a line each; it never fails."""
        with bentoml.monitor(**self._collectors["prediction"]) as monitor:
            for prediction, subject in zip(predictions, seen, strict=True):
                file = subject.file
                form = None if file is None else sniff_format_and_size(file).format
                size = None if file is None else len(file)
                self._log_place(monitor, current_id.get(), subject.index)
                monitor.log(prediction.model, "model", "feature", "categorical")
                monitor.log(self._digest(prediction.model), "digest", "feature", "categorical")
                monitor.log(prediction.digit, "digit", "prediction", "categorical")
                monitor.log(prediction.confidence, "confidence", "prediction", "numerical")
                monitor.log(prediction.accepted, "accepted", "prediction", "categorical")
                monitor.log(prediction.reason, "reason", "prediction", "categorical")
                monitor.log(form, "format", "feature", "categorical")
                monitor.log(size, "bytes", "feature", "numerical")
                if self._pictures:
                    rows = subject.rows
                    pixels = None if rows is None else encode_pixels(rows)
                    monitor.log(pixels, "pixels", "feature", "numerical_sequence")

    def correct(self, records: Records, feedback: Feedback) -> Corrected:
        """Keep what was right, in the place of the prediction among `records` that it is about.

        What has been told already is not kept again.

        Raises:
            UnknownRequestError: no such prediction is kept.
            AmbiguousRequestError: several are.
            NotKeptError: it cannot be written.

        """
        about = _find(records.predictions, feedback)
        before = [told.told for told in records.corrections if told.index == about.index]
        if before[-1:] != [feedback.digit]:
            with bentoml.monitor(**self._collectors["correction"]) as monitor:
                self._log_place(monitor, about.request_id, about.index)
                monitor.log(feedback.digit, "told", "target", "categorical")
            if self._next_try:
                raise NotKeptError("the correction cannot be kept now; the service's log says why")
            self._metrics.corrected(about.model, right=feedback.digit == about.digit)
        return Corrected(
            request_id=about.request_id,
            index=about.index,
            digit=feedback.digit,
            read=about.digit,
            model=about.model,
            earlier=before,
        )

    def close(self) -> None:
        """Let go of the file that is written."""
        self._segments.close()

    @staticmethod
    def _log_place(monitor: Any, request_id: str, index: int) -> None:
        monitor.log(request_id, "request_id", "feature", "categorical")
        monitor.log(index, "index", "feature", "numerical")

    def _write(self, what: str, lines: list[bytes]) -> None:
        """Write lines, or count them as lost."""
        kept = 0
        if time.monotonic() >= self._next_try:
            try:
                for line in lines:
                    self._segments.append(line)
                    kept += 1
            except OSError as error:
                if not self._next_try:
                    _log.error("Predictions are not kept, answers go on: %s", error)
                self._next_try = time.monotonic() + _RETRY
            else:
                if self._next_try:
                    _log.warning("Predictions are kept again")
                self._next_try = 0.0
        self._metrics.monitored(what, kept, lost=len(lines) - kept)


def _find(predictions: Sequence[KeptPrediction], feedback: Feedback) -> KeptPrediction:
    """The one prediction that `feedback` is about."""
    name = quote(feedback.request_id)
    places = [kept.index for kept in predictions]
    if len(set(places)) < len(places):
        raise AmbiguousRequestError(
            f"several requests had the id {name}, so it does not say which is meant; give each "
            "its own X-Request-Id, or none"
        )
    if feedback.index is None and len(places) > 1:
        raise AmbiguousRequestError(
            f"request {name} had {len(places)} pictures; give as index the place of the one that "
            "is meant, from 0"
        )
    for kept in predictions:
        if feedback.index in (None, kept.index):
            return kept
    if places:
        raise UnknownRequestError(
            f"request {name} has no prediction at index {feedback.index}, only at {quote(places)}"
        )
    raise UnknownRequestError(
        f"no prediction is kept of a request {name}: it is the X-Request-Id of an answer, and the "
        "oldest predictions make room for new ones"
    )
