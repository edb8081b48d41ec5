"""A published classifier of rows: the next rows of a digit go in, predictions after each come out.

Its state, the progress of a reading, is the caller's to keep. It can be packed into bytes, which
name the model's weights, so that no other model goes on with it.
"""

import struct
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from models.arrays import Arrays, Floats
from service.errors import NotFiniteError, WrongShapeError, WrongStateError, WrongTaskError
from service.images.read_image import SIDE, Finding
from service.inference.classifier import Classifier, Prediction, softmax
from service.inference.model import Model, Run

_DIGEST_BYTES: Final = 32
_HEAD: Final = struct.Struct("<BB10d")  # the rows read, whether there was ink, ten probabilities
_ROUNDING: Final = 1e-6  # of the sum of ten probabilities
_WIRE: Final = np.dtype("<f4")


class RowPrediction(msgspec.Struct):
    """What a model has read after a row."""

    row: int  # from 1 to 28
    digit: int  # the most probable one
    confidence: float  # its probability; calibrated for this row
    probabilities: list[float]  # of each digit, 0 to 9
    hidden: list[float] | msgspec.UnsetType = msgspec.UNSET  # the last layer's state, in [-1, 1]


@dataclass(frozen=True)
class Progress:
    """How far a digit is read: `row` rows, and the state that the model carries, by its inputs."""

    state: Arrays  # (1, layers, H) each
    row: int = 0
    ink: bool = False  # whether any of the rows had light in it
    probabilities: tuple[float, ...] = ()  # after the last row; none before the first


class RowClassifier:
    """A loaded model of task `classify_rows`, beside the classifier that reads the same at once."""

    def __init__(self, model: Model, whole: Classifier) -> None:
        """Serve `model`, the row stream of `whole`.

        Raises:
            WrongTaskError: the model does not read rows of 28, or 28 of them.

        """
        manifest = model.manifest
        scores = manifest.row_reading
        if scores is None or len(scores.temperatures) != SIDE:
            raise WrongTaskError(f"model {model.name!r} does not read {SIDE} rows")
        self._model, self._whole = model, whole
        self._temperatures = np.array(scores.temperatures)[:, np.newaxis]  # (28, 1)
        self._digest = bytes.fromhex(scores.whole_sha256)
        self._rows, self._logits = manifest.inputs[0].name, manifest.outputs[0].name
        self._states = {state.input: state.output for state in manifest.states}
        dims = {tensor.name: tensor.dims[1:] for tensor in manifest.inputs}
        self._shapes = {
            name: (1, *(dim for dim in dims[name] if isinstance(dim, int))) for name in self._states
        }
        self._digits = [int(label) for label in manifest.labels]
        self.start = Progress(
            {name: np.zeros(shape, np.float32) for name, shape in self._shapes.items()}
        )

    @property
    def name(self) -> str:
        """The name of the model that reads the same at once, by which clients ask."""
        return self._whole.name

    @property
    def whole(self) -> Classifier:
        """The classifier that reads the same rows at once."""
        return self._whole

    def prepare(
        self, progress: Progress, rows: Floats, *, hidden: bool
    ) -> Run[tuple[list[RowPrediction], Progress]]:
        """Prepare the run that reads the next `rows`: a prediction for each, and the new progress.

        Args:
            progress: what was read before.
            rows: (t, 28) in [0, 1], light ink on dark; t is 1 at least, and no row is beyond the
                28th.
            hidden: whether to tell the hidden state too, which is known after the last row only.

        Its result raises `NotFiniteError` where a state that was made up leads to no probabilities.

        """
        inputs = {self._rows: rows[np.newaxis], **progress.state}
        ink = progress.ink or bool(rows.any())

        def finish(outputs: Arrays) -> tuple[list[RowPrediction], Progress]:
            end = progress.row + len(rows)
            logits = outputs[self._logits][0]  # (t, 10)
            if not np.isfinite(logits).all():  # only a state that was made up leads there
                raise NotFiniteError(
                    "the state leads to numbers that are not finite; begin anew, or send one as it "
                    "was handed out"
                )
            probabilities = softmax(logits / self._temperatures[progress.row : end])
            best = probabilities.argmax(axis=1)
            found = [
                RowPrediction(row, self._digits[digit], values[digit], values)
                for row, digit, values in zip(
                    range(progress.row + 1, end + 1), best, probabilities.tolist(), strict=True
                )
            ]
            state = {name: outputs[output] for name, output in self._states.items()}
            if hidden:
                found[-1].hidden = next(iter(state.values()))[0, -1].tolist()
            return found, Progress(state, end, ink, tuple(found[-1].probabilities))

        return Run(self._model, inputs, finish)

    def predict(self, progress: Progress, finding: Finding | None = None) -> Prediction:
        """The prediction after the rows read so far, of which there is one at least."""
        blank: Finding | None = None if progress.ink else "blank"
        return self._whole.predict(list(progress.probabilities), finding or blank)

    def pack(self, progress: Progress) -> bytes:
        """`progress` as bytes, which `unpack` of the same model reads."""
        probabilities = progress.probabilities or (0.0,) * len(self._digits)
        head = _HEAD.pack(progress.row, progress.ink, *probabilities)
        states = [progress.state[name].astype(_WIRE).tobytes() for name in self._states]
        return b"".join((self._digest, head, *states))

    def unpack(self, data: bytes) -> Progress:
        """The progress that `pack` has made `data` of.

        Raises:
            WrongStateError: it is of another model, has another length, or was altered.
            NotFiniteError: a number in it is not finite.
            WrongShapeError: it has read more rows than there are.

        """
        sizes = {name: int(np.prod(shape)) for name, shape in self._shapes.items()}
        length = _DIGEST_BYTES + _HEAD.size + _WIRE.itemsize * sum(sizes.values())
        if data[:_DIGEST_BYTES] != self._digest:
            raise WrongStateError(
                f"the state was not handed out by the model {self.name!r} that is served now; "
                "begin anew"
            )
        if len(data) != length:
            raise WrongStateError(
                f"the state has {len(data)} bytes, that of {self.name!r} has {length}; send it as "
                "it was handed out"
            )
        row, ink, *probabilities = _HEAD.unpack_from(data, _DIGEST_BYTES)
        values = np.frombuffer(data, _WIRE, offset=_DIGEST_BYTES + _HEAD.size)
        if not (np.isfinite(values).all() and np.isfinite(probabilities).all()):
            raise NotFiniteError(
                "the state holds numbers that are not finite; send it as it was handed out"
            )
        if row and (min(probabilities) < 0 or abs(sum(probabilities) - 1) > _ROUNDING):
            raise WrongStateError(
                "the state holds probabilities that are none; send it as it was handed out"
            )
        if row > SIDE:
            raise WrongShapeError(f"the state is that after row {row}, a digit has {SIDE}")
        parts = np.split(values, np.cumsum(list(sizes.values()))[:-1])
        state = {
            name: part.reshape(self._shapes[name]).astype(np.float32)
            for name, part in zip(self._shapes, parts, strict=True)
        }
        return Progress(state, row, bool(ink), tuple(probabilities) if row else ())
