"""One digit that is read row by row."""

from collections.abc import AsyncIterator
from dataclasses import replace

from models.arrays import Floats
from service.errors import EmptyBatchError, WrongShapeError
from service.execution.scheduler import Scheduler
from service.images.read_image import SIDE, Finding
from service.inference.classifier import Prediction
from service.inference.row_classifier import Progress, RowClassifier, RowPrediction
from service.uploads.rows import RowOptions


class DigitReader:
    """Reads the rows of a digit as they come, and knows how far it is."""

    def __init__(
        self, scheduler: Scheduler, classifier: RowClassifier, options: RowOptions
    ) -> None:
        """Have `scheduler` run `classifier`, in the way of `options`."""
        self._scheduler, self._classifier, self._options = scheduler, classifier, options
        self.progress = classifier.start
        self.stopped = False  # whether it has become confident enough to end

    async def read(self, rows: Floats) -> AsyncIterator[RowPrediction]:
        """A prediction after each of the next `rows`, (t, 28) in [0, 1], light ink on dark.

        It ends after the first one whose confidence reaches `stop_at`.

        Raises:
            WrongShapeError: there are more rows than a digit has left.

        """
        if self.progress.row + len(rows) > SIDE:
            raise WrongShapeError(
                f"{len(rows)} rows after row {self.progress.row} are more than the {SIDE} of a "
                "digit; begin the next one by a reset"
            )
        # The hidden state is known after the last row of a run only.
        step = 1 if self._options.hidden else len(rows)
        for start in range(0, len(rows), step):
            run = self._classifier.prepare(
                self.progress, rows[start : start + step], hidden=self._options.hidden
            )
            found, progress = await self._scheduler.infer(run)
            self.progress = progress
            for prediction in found:
                if self._is_enough(prediction):
                    self.stopped = True
                    self.progress = _cut(self.progress, prediction)
                yield prediction
                if self.stopped:
                    return

    def prediction(self, finding: Finding | None = None) -> Prediction:
        """What is read so far; `finding` is what the picture itself says against being one digit.

        Raises:
            EmptyBatchError: no row has been read.

        """
        if not self.progress.row:
            raise EmptyBatchError("no row has been read yet; send one at least, 28 bytes each")
        return self._classifier.predict(self.progress, finding)

    def reset(self) -> None:
        """Begin the next digit."""
        self.progress, self.stopped = self._classifier.start, False

    def pack(self) -> bytes:
        """The progress, to go on with later or elsewhere."""
        return self._classifier.pack(self.progress)

    def unpack(self, data: bytes) -> None:
        """Go on from a progress that was packed.

        Raises:
            WrongStateError, NotFiniteError, WrongShapeError: it is none of this model's.

        """
        self.progress = self._classifier.unpack(data)

    def _is_enough(self, prediction: RowPrediction) -> bool:
        stop_at = self._options.stop_at
        return stop_at is not None and prediction.confidence >= stop_at


def _cut(progress: Progress, prediction: RowPrediction) -> Progress:
    """The progress as of `prediction`, whose reading goes no further."""
    return replace(progress, row=prediction.row, probabilities=tuple(prediction.probabilities))
