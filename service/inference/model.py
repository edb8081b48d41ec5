"""A loaded model, and one request's run of it, alone or together with runs of other requests."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.manifest import BATCH, Manifest, Tensor
from service.inference.backends import Arrays, Backend

T = TypeVar("T")
U = TypeVar("U")
Outputs = Mapping[str, NDArray[np.float32]]


class Model:
    """A published model: what its manifest says, and the backend that runs it."""

    def __init__(self, manifest: Manifest, backend: Backend) -> None:
        self.manifest, self.backend = manifest, backend
        self.name = manifest.name
        self._axes = _batch_axes([*manifest.inputs, *manifest.outputs])

    def count(self, inputs: Arrays) -> int:
        """How many samples `inputs` hold: the length of their batch axis, 1 if there is none."""
        first = self.manifest.inputs[0].name
        return inputs[first].shape[self._axes[first]] if self._axes else 1

    def company(self, inputs: Arrays) -> Hashable:
        """What must be equal for inputs to be run together; None: they are run alone."""
        if not self._axes:
            return None
        shapes = (_without(inputs[t.name].shape, self._axes[t.name]) for t in self.manifest.inputs)
        return (self.name, *shapes)

    def run_together(self, several: Sequence[Arrays]) -> list[Outputs]:
        """The outputs for each of `several` inputs of the same company, by one run."""
        if len(several) == 1:
            return [self.backend.run(several[0])]
        ends = np.cumsum([self.count(inputs) for inputs in several])[:-1]
        outputs = self.backend.run(
            {
                name: np.concatenate([inputs[name] for inputs in several], self._axes[name])
                for name in several[0]
            }
        )
        parts = {name: np.split(v, ends, self._axes[name]) for name, v in outputs.items()}
        return [{name: part[i] for name, part in parts.items()} for i in range(len(several))]


@dataclass(frozen=True)
class Run(Generic[T]):
    """A run of `model` over `inputs`, named as in its manifest, and what its outputs are made into.

    `inputs` have passed every check: a run fails by a fault of ours, not of a request.
    """

    model: Model
    inputs: Arrays
    finish: Callable[[Outputs], T]

    @property
    def count(self) -> int:
        """How many samples it holds."""
        return self.model.count(self.inputs)

    def then(self, work: Callable[[T], U]) -> "Run[U]":
        """The same run, whose result goes through `work`."""
        finish = self.finish
        return Run(self.model, self.inputs, lambda outputs: work(finish(outputs)))


def _batch_axes(tensors: Sequence[Tensor]) -> dict[str, int]:
    """Where each tensor has the batch axis; empty unless every one has it, once."""
    if any(tensor.dims.count(BATCH) != 1 for tensor in tensors):
        return {}
    return {tensor.name: tensor.dims.index(BATCH) for tensor in tensors}


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]
