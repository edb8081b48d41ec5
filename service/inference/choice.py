"""Which of several backends runs a model fastest here, found out in a moment.

Libraries differ by processor, and by the size of a batch. What is chosen goes by the pictures of
one request, never by those that happen to share its run, so that nobody's answer depends on others.
"""

import time
from collections.abc import Sequence

import numpy as np

from models.manifest import Manifest
from service.inference.backends import Backend

# Pictures of one request up to which it is small, as those that share a run are.
SMALL = 8
# Pictures of the runs that are timed for small and for large requests.
_TIMED = (1, 32)


def choose(
    manifest: Manifest, candidates: Sequence[Backend], seconds: float
) -> tuple[Backend, Backend]:
    """Choose the backend for small and the one for large requests.

    Args:
        manifest: of a model that takes rows and no state.
        candidates: have run these sizes before.
        seconds: about how long it may take.

    """
    name = manifest.inputs[0].name
    small, large = (
        _fastest(candidates, name, np.zeros((batch, 28, 28), np.float32), seconds / len(_TIMED))
        for batch in _TIMED
    )
    return small, large


def _fastest(candidates: Sequence[Backend], name: str, rows: np.ndarray, seconds: float) -> Backend:
    """The candidate of the cheapest run, in processor time, which others do not change much."""
    best = [float("inf")] * len(candidates)
    end = time.perf_counter() + seconds
    while True:
        for place, backend in enumerate(candidates):
            began = time.process_time()
            backend.run({name: rows})
            best[place] = min(best[place], time.process_time() - began)
        if time.perf_counter() > end:
            return candidates[int(np.argmin(best))]
