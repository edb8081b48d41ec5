"""The graphs that a trained network is published as, and the trial that each is proven by."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from training.data.datasets import DataSet, as_rows
from training.data.sine_windows import STEPS, windows
from training.networks.interface import interface
from training.networks.modules import Autoencoder, SequenceRegressor
from training.parity.tasks import (
    BATCH_SIZES,
    Arrays,
    Decisions,
    Floats,
    Reconstructions,
    Rollout,
    Trial,
)

ROLLOUT_WINDOWS = 1_000


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One graph that may be published under `name` once it is proven."""

    name: str
    network: nn.Module  # in eval mode on the CPU
    trial: Trial


def candidates(name: str, network: nn.Module, data: DataSet | None) -> tuple[Candidate, ...]:
    """What `network`, of the run `name`, is published as; `data` is what it was trained on.

    An autoencoder is published as a whole and in its two halves, anything else as it is.
    """
    if isinstance(network, SequenceRegressor):
        return (Candidate(name=name, network=network, trial=_rollout(network)),)
    if data is None:
        raise ValueError(f"{name} reads images, so its proof needs a data set")
    if isinstance(network, Autoencoder):
        return _autoencoder(name, network, as_rows(data.test.images.cpu()).numpy())
    return (Candidate(name=name, network=network, trial=Decisions(data.test)),)


def _autoencoder(name: str, network: Autoencoder, rows: Floats) -> tuple[Candidate, ...]:
    with torch.inference_mode():
        codes = network.encoder(torch.from_numpy(rows)).numpy()

    def given(outputs: Arrays) -> Floats:
        return outputs["reconstruction"]

    def decoded(outputs: Arrays) -> Floats:
        with torch.inference_mode():
            return np.asarray(network.decoder(torch.from_numpy(outputs["code"])).numpy())

    return (
        Candidate(
            name=name,
            network=network,
            trial=Reconstructions({"rows": rows}, rows, given),
        ),
        Candidate(
            name=f"{name}-encoder",
            network=network.encoder,
            trial=Reconstructions({"rows": rows}, rows, decoded),
        ),
        Candidate(
            name=f"{name}-decoder",
            network=network.decoder,
            trial=Reconstructions({"code": codes}, rows, given),
        ),
    )


def _rollout(network: SequenceRegressor) -> Rollout:
    """Sequences side by side, each beginning one step of the sine later than the one before."""
    (state,) = interface(network).states
    sequences = max(BATCH_SIZES)
    # Two windows are a whole period, so more starts than steps in those are repetitions.
    sines, cosines = (
        np.stack(
            [
                part.flatten()[start : start + ROLLOUT_WINDOWS * STEPS]
                for start in _starts(sequences)
            ]
        ).reshape(sequences, ROLLOUT_WINDOWS, STEPS, 1)
        for part in (values.numpy() for values in windows(0, ROLLOUT_WINDOWS + 2))
    )
    inputs, targets = (np.ascontiguousarray(part.swapaxes(0, 1)) for part in (sines, cosines))
    return Rollout(inputs, targets, state, network.recurrent.hidden_size)


def _starts(sequences: int) -> list[int]:
    return [sequence % (2 * STEPS) for sequence in range(sequences)]
