"""A loaded model, and a request's run of it, which may share a batch with those of others."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from models.arrays import Arrays
from models.manifest import BATCH, Manifest, Tensor
from service.inference.backends import Backend

T = TypeVar("T")
U = TypeVar("U")


class Model:
    """A published model: what its manifest says, and the backend that runs it."""

    def __init__(
        self, manifest: Manifest, backend: Backend, large: tuple[int, Backend] | None = None
    ) -> None:
        """Serve the model that `manifest` describes.

        Args:
            manifest: what it is.
            backend: runs it.
            large: how many samples of one request it runs at most, and what runs more.

        """
        self.manifest, self.backend = manifest, backend
        self._large = large
        self.name = manifest.name
        self._batch_axis = _batch_axes([*manifest.inputs, *manifest.outputs])

    @property
    def backends(self) -> list[Backend]:
        """All that run it."""
        return [self.backend, *([self._large[1]] if self._large else [])]

    def backend_for(self, count: int) -> Backend:
        """What runs a request of `count` samples, alone or in one run with others."""
        return self._large[1] if self._large and count > self._large[0] else self.backend

    def count(self, inputs: Arrays) -> int:
        """How many samples `inputs` hold: the length of their batch axis, 1 if there is none."""
        name = self.manifest.inputs[0].name
        return inputs[name].shape[self._batch_axis[name]] if self._batch_axis else 1

    def batch_key(self, inputs: Arrays) -> Hashable:
        """What is equal for inputs that can share a batch: the model, and all axes but the batch's.

        It is None for a model without a batch axis, whose inputs are run one by one.
        """
        if not self._batch_axis:
            return None
        names = [tensor.name for tensor in self.manifest.inputs]
        return (self.name, *(_without(inputs[n].shape, self._batch_axis[n]) for n in names))

    def run_batch(self, requests: Sequence[Arrays]) -> list[Arrays]:
        """Compute the outputs of each of several `requests` by one run.

        Args:
            requests: the inputs of each, all of one batch key.

        """
        if len(requests) == 1:
            [inputs] = requests
            return [self.backend_for(self.count(inputs)).run(inputs)]
        axis = self._batch_axis
        joined = {
            name: np.concatenate([inputs[name] for inputs in requests], axis[name])
            for name in requests[0]
        }
        ends = np.cumsum([self.count(inputs) for inputs in requests])[:-1]
        outputs = self.backend.run(joined)  # small requests only share a run
        split = {name: np.split(array, ends, axis[name]) for name, array in outputs.items()}
        return [{name: own[i] for name, own in split.items()} for i in range(len(requests))]


@dataclass(frozen=True)
class Run(Generic[T]):
    """A run of `model` that is still to be made: its inputs, and what becomes of its outputs.

    The `inputs` have passed every check: a run fails by a fault of ours, not of a request.
    """

    model: Model
    inputs: Arrays
    finish: Callable[[Arrays], T]

    @property
    def count(self) -> int:
        """How many samples it runs over."""
        return self.model.count(self.inputs)


def _batch_axes(tensors: Sequence[Tensor]) -> dict[str, int]:
    """Where each tensor has the batch axis; empty unless every one has it, once."""
    if any(tensor.dims.count(BATCH) != 1 for tensor in tensors):
        return {}
    return {tensor.name: tensor.dims.index(BATCH) for tensor in tensors}


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """`shape` without one of its axes."""
    return shape[:axis] + shape[axis + 1 :]
