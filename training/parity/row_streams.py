"""The parity task of a row stream: the rows of a digit, however cut, are read as in one piece.

read by row  read every image in several cuts, handing the state on; after every row the logits must
             be the same, after the last one the decisions of the whole graph, and what a cut
             differs must not grow with the number of times that the state was handed on
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from models.arrays import Arrays, Floats
from models.manifest import State
from training.data.datasets import Split, as_rows
from training.networks.configuration import ROWS
from training.parity.tasks import (
    MAX_GROWTH,
    REFERENCE_BATCH,
    RESOLUTION,
    OnProgress,
    ParityTask,
    Run,
    Verdict,
    compare_decisions,
)

# How the 28 rows are cut: how many go into each call.
AT_ONCE: Final = (ROWS,)
ONE_BY_ONE: Final = (1,) * ROWS
CUTS: Final = {
    "at once": AT_ONCE,
    "one by one": ONE_BY_ONE,
    "7 by 7": (7,) * 4,
    "14 + 14": (14, 14),
    "1 + 27": (1, 27),
    "5 + 12 + 11": (5, 12, 11),
}


class RowStreamParity(ParityTask):
    """Read every image in several cuts from a state of zeros, handing the state on.

    At the largest batch size every image is read in every cut, at the smaller ones each batch in
    the next of them.
    """

    def __init__(
        self, images: Split, decisions: Floats, states: tuple[State, ...], dims: tuple[int, ...]
    ) -> None:
        """Make the task.

        Args:
            images: n of them, with their labels.
            decisions: the logits (n, 10) of the whole graph.
            states: the inputs and outputs that carry the state.
            dims: of the state of one image.

        """
        self._rows = as_rows(images.images.cpu()).numpy()
        self._labels = images.labels.cpu().numpy()
        self._whole = decisions.argmax(1)
        self._states, self._dims = states, dims

    def __len__(self) -> int:
        return len(self._rows)

    def outputs(self, run: Run, batch_size: int, on_progress: OnProgress) -> dict[str, Floats]:
        """See `ParityTask.outputs`.

        At the largest batch size each output has the name of its cut added to its own. The logits
        are (n, 28, 10), the states after the last row (n, ...).
        """
        parts: list[dict[str, Floats]] = []
        for number, rows in enumerate(self._batches(batch_size)):
            if batch_size == REFERENCE_BATCH:
                read = {cut: self._read(run, rows, sizes) for cut, sizes in CUTS.items()}
                parts.append({_named(n, c): v for c, out in read.items() for n, v in out.items()})
            else:
                sizes = list(CUTS.values())[number % len(CUTS)]
                parts.append(self._read(run, rows, sizes))
            on_progress(len(rows))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def comparable(self, reference: Arrays, batch_size: int) -> Arrays:
        """See `ParityTask.comparable`: what comes of the images read at once, for every cut."""
        names = ("logits", *(state.output for state in self._states))
        at_once = {name: reference[_named(name, "at once")] for name in names}
        if batch_size != REFERENCE_BATCH:
            return at_once
        return {_named(name, cut): value for cut in CUTS for name, value in at_once.items()}

    def judge(self, outputs: Arrays, reference: Arrays) -> Verdict:
        """See `ParityTask.judge`: decisions and accuracy must be those of the whole graph."""
        logits = {name: value for name, value in outputs.items() if name.startswith("logits")}
        last = [value[:, -1].argmax(1) for value in logits.values()]  # (n,) of each cut
        verdict = compare_decisions(last, self._whole, self._labels)
        if len(logits) == len(CUTS):
            self._judge_growth(verdict, logits, reference)
        return verdict

    def _judge_growth(self, verdict: Verdict, logits: Arrays, reference: Arrays) -> None:
        """Note the difference after each row, and how the state that is handed on adds to it."""
        by_row = {n: np.abs(value - reference[n]).max((0, 2)) for n, value in logits.items()}
        verdict.by_row = tuple(float(most) for most in np.max(list(by_row.values()), axis=0))
        resolution = RESOLUTION * float(np.abs(reference[_named("logits", "at once")]).max())
        once, one_by_one = (by_row[_named("logits", c)].max() for c in ("at once", "one by one"))
        verdict.growth = float((one_by_one + resolution) / (once + resolution))
        if not verdict.growth <= MAX_GROWTH:
            message = f"the difference is {verdict.growth:.1f} times as large when the rows come "
            message += f"one by one, allowed is {MAX_GROWTH:.0f}"
            verdict.problems.append(("growth", message))

    def _batches(self, size: int) -> Iterator[Floats]:
        for start in range(0, len(self), size):
            yield self._rows[start : start + size]

    def _read(self, run: Run, rows: Floats, sizes: tuple[int, ...]) -> dict[str, Floats]:
        """The logits (b, 28, 10) of `rows` (b, 28, 28) in this cut, and the states at the end."""
        zeros = np.zeros((len(rows), *self._dims), np.float32)
        carried = {state.input: zeros for state in self._states}
        logits: list[Floats] = []
        for start, end in pairwise(np.cumsum((0, *sizes))):
            outputs = run({"rows": np.ascontiguousarray(rows[:, start:end]), **carried})
            carried = {state.input: outputs[state.output] for state in self._states}
            logits.append(outputs["logits"])
        ends = {state.output: carried[state.input] for state in self._states}
        return {"logits": np.concatenate(logits, axis=1), **ends}


def _named(output: str, cut: str) -> str:
    return f"{output}, {cut}"
