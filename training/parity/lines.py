"""The parity task of a reader of lines: every form reads the same texts.

transcribe   read every line; texts and the share of those without a fault must be the same
"""

from collections.abc import Sequence

import numpy as np

from models.arrays import Arrays, Floats
from models.transcription import decode
from training.data.lines.composition import Line
from training.networks.line_reader import COLUMNS_OF_A_STEP
from training.parity.tasks import OnProgress, ParityTask, Run, Verdict, compare_decisions

# Columns that a strip is widened to a multiple of, so that some lines are of one width and can
# share a batch.
WIDTHS = 32


class TranscriptionParity(ParityTask):
    """Read lines of one width at a time, as many together as the batch size says."""

    def __init__(self, lines: Sequence[Line]) -> None:
        """Read `lines`, each widened to the next multiple of 32 columns."""
        self._lines = sorted(lines, key=_widened)

    def __len__(self) -> int:
        return len(self._lines)

    def outputs(self, run: Run, batch_size: int, on_progress: OnProgress) -> dict[str, Floats]:
        """See `ParityTask.outputs`: the steps of all lines in a row, (n, 13)."""
        parts: list[Floats] = []
        for batch in self._batches(batch_size):
            width = _widened(batch[0])
            strips = np.zeros((len(batch), batch[0].strip.shape[0], width), np.float32)
            for row, line in zip(strips, batch, strict=True):
                row[:, : line.strip.shape[1]] = line.strip / np.float32(255)
            (output,) = run({"strips": strips}).values()
            parts.append(output.reshape(-1, output.shape[-1]))
            on_progress(len(batch))
        return {"probabilities": np.concatenate(parts)}

    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """See `ParityTask.judge`: every text must be the same."""
        texts, expected = self._texts(outputs), self._texts(reference)
        numbers = {text: i for i, text in enumerate({*texts, *expected, *self._labels()})}
        found, wanted, right = (
            np.array([numbers[text] for text in some]) for some in (texts, expected, self._labels())
        )
        return compare_decisions([found], wanted, right)

    def _labels(self) -> list[tuple[int, ...]]:
        return [line.labels for line in self._lines]

    def _texts(self, outputs: Arrays) -> list[tuple[int, ...]]:
        ends = np.cumsum([_widened(line) // COLUMNS_OF_A_STEP for line in self._lines])
        parts = np.split(outputs["probabilities"], ends[:-1])
        return [tuple(stretch.label for stretch in decode(part)) for part in parts]

    def _batches(self, size: int) -> list[list[Line]]:
        batches: list[list[Line]] = []
        for line in self._lines:
            if batches and len(batches[-1]) < size and _widened(batches[-1][0]) == _widened(line):
                batches[-1].append(line)
            else:
                batches.append([line])
        return batches


def _widened(line: Line) -> int:
    width: int = line.strip.shape[1]
    return width + -width % WIDTHS
