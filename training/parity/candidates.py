"""Parity candidates: the graphs that a trained network is published as, each with its task."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from models.arrays import Arrays, Floats
from models.manifest import Task
from training.data.datasets import DataSet, as_rows
from training.data.lines.composition import Line
from training.data.sine_windows import STEPS, windows
from training.networks.interface import interface
from training.networks.modules import Autoencoder, RowClassifier, SequenceRegressor
from training.networks.row_streams import row_stream
from training.parity.lines import TranscriptionParity
from training.parity.row_streams import RowStreamParity
from training.parity.tasks import (
    REFERENCE_BATCH,
    ClassificationParity,
    ParityTask,
    ReconstructionParity,
    RolloutParity,
)

ROLLOUT_WINDOWS = 1_000
_PERIOD = 2 * STEPS  # steps


@dataclass(frozen=True, kw_only=True)
class ParityCandidate:
    """A graph that is published as `name` once its forms are proven by `task`."""

    name: str
    network: nn.Module  # in eval mode on the CPU
    task: ParityTask
    whole: str | None = None  # of a row stream: the graph that reads the same rows at once


def graph_names(name: str, task: Task) -> tuple[str, ...]:
    """The names of the graphs that a run `name` of `task` is published as.

    An autoencoder is published as a whole, as its encoder and as its decoder; any other network as
    one graph.
    """
    return (name, f"{name}-encoder", f"{name}-decoder") if task == "reconstruct" else (name,)


def parity_candidates(
    name: str, network: nn.Module, data: DataSet | None
) -> tuple[ParityCandidate, ...]:
    """The graphs that `network` is published as, named by `graph_names`.

    Args:
        name: of the run.
        network: in eval mode on the CPU.
        data: what it was trained on; None for a regressor.

    """
    if isinstance(network, SequenceRegressor):
        return (ParityCandidate(name=name, network=network, task=_rollout(network)),)
    if data is None:
        raise ValueError(f"{name} reads images, so its proof needs a data set")
    if isinstance(network, Autoencoder):
        return _autoencoder(name, network, as_rows(data.test.images.cpu()).numpy())
    return (ParityCandidate(name=name, network=network, task=ClassificationParity(data.test)),)


def _autoencoder(name: str, network: Autoencoder, rows: Floats) -> tuple[ParityCandidate, ...]:
    with torch.inference_mode():
        codes = network.encoder(torch.from_numpy(rows)).numpy()

    def reconstruction(outputs: Arrays) -> Floats:
        return outputs["reconstruction"]

    def decoded(outputs: Arrays) -> Floats:
        with torch.inference_mode():
            return np.asarray(network.decoder(torch.from_numpy(outputs["code"])).numpy())

    whole, encoder, decoder = graph_names(name, "reconstruct")
    return (
        ParityCandidate(
            name=whole,
            network=network,
            task=ReconstructionParity({"rows": rows}, rows, reconstruction),
        ),
        ParityCandidate(
            name=encoder,
            network=network.encoder,
            task=ReconstructionParity({"rows": rows}, rows, decoded),
        ),
        ParityCandidate(
            name=decoder,
            network=network.decoder,
            task=ReconstructionParity({"code": codes}, rows, reconstruction),
        ),
    )


def _rollout(network: SequenceRegressor) -> RolloutParity:
    """Sequences side by side, each of which begins one step of the sine after the one before."""
    (state,) = interface(network).states
    sequences = REFERENCE_BATCH
    starts = [sequence % _PERIOD for sequence in range(sequences)]
    sines, cosines = (
        np.stack([part.flatten()[start : start + ROLLOUT_WINDOWS * STEPS] for start in starts])
        .reshape(sequences, ROLLOUT_WINDOWS, STEPS, 1)
        .swapaxes(0, 1)  # (windows, sequences, steps, 1)
        for part in (values.numpy() for values in windows(0, ROLLOUT_WINDOWS + 2))
    )
    return RolloutParity(
        np.ascontiguousarray(sines),
        np.ascontiguousarray(cosines),
        state,
        network.recurrent.hidden_size,
    )


def stream_name(name: str) -> str:
    """The name of the graph that reads row by row what the graph `name` reads at once."""
    return f"{name}-rows"


def stream_candidate(name: str, network: RowClassifier, data: DataSet) -> ParityCandidate:
    """The row stream of `network`, published beside it as `stream_name(name)`."""
    stream = row_stream(network)
    states = interface(stream).states
    rows = as_rows(data.test.images.cpu())
    with torch.inference_mode():
        logits = torch.cat([network(part) for part in rows.split(REFERENCE_BATCH)]).numpy()
    dims = (network.recurrent.num_layers, network.recurrent.hidden_size)
    return ParityCandidate(
        name=stream_name(name),
        network=stream,
        task=RowStreamParity(data.test, logits, states, dims),
        whole=name,
    )


def line_candidate(name: str, network: nn.Module, lines: Sequence[Line]) -> ParityCandidate:
    """The graph of a reader of `lines`, in eval mode on the CPU."""
    return ParityCandidate(name=name, network=network, task=TranscriptionParity(lines))
