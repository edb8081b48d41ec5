"""Which graph form is faster for which cell: `python -m tests.benchmarks.graphs`, a minute or two.

Every cell is written as one ONNX operator a layer and as 28 unrolled steps of plain operators (for
RNN by `training.graphs.onnx_graph`, for GRU and LSTM by tracing the cell's equations), and run by
ONNX Runtime on the CPU. The weights do not matter for speed and are random; both forms' logits are
compared. Both take turns within each round; the table gives the median over the rounds, with the
10th and 90th percentile, of the time of `one_node` divided by that of `unrolled`.
"""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn
from tqdm import tqdm

from training.graphs.onnx_graph import build
from training.networks.modules import RowClassifier
from training.networks.modules import build as make
from training.recipes.shipped import RECIPES

ROUNDS = 40
BATCHES = (1, 8, 64, 512)
THREADS = 1


class UnrolledGates(nn.Module):
    """A GRU or LSTM of one layer as its equations, step by step."""

    def __init__(self, network: RowClassifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: Tensor) -> Tensor:
        recurrent, network = self.network.recurrent, self.network
        w_ih, w_hh, b_ih, b_hh = recurrent.all_weights[0]
        shares = ((rows - network.mean) / network.std) @ w_ih.T + b_ih  # (B, 28, gates * hidden)
        hidden = torch.zeros_like(shares[:, 0, : recurrent.hidden_size])
        cell = hidden
        for step in range(rows.shape[1]):
            recurrence = hidden @ w_hh.T + b_hh
            if isinstance(recurrent, nn.LSTM):
                i, f, g, o = (shares[:, step] + recurrence).chunk(4, dim=1)
                cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
                hidden = torch.sigmoid(o) * torch.tanh(cell)
            else:
                (xr, xz, xn), (hr, hz, hn) = shares[:, step].chunk(3, 1), recurrence.chunk(3, 1)
                update = torch.sigmoid(xz + hz)
                new = torch.tanh(xn + torch.sigmoid(xr + hr) * hn)
                hidden = (1 - update) * new + update * hidden
        return network.head(hidden)  # type: ignore[no-any-return]


def unrolled(network: RowClassifier) -> bytes:
    if isinstance(network.recurrent, nn.RNN):
        return serialise(build(network, "unrolled"))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated, and enough here
        path = Path(folder, "model.onnx")
        torch.onnx.export(
            UnrolledGates(network),
            (torch.rand(2, 28, 28),),
            path,
            input_names=["rows"],
            output_names=["logits"],
            dynamic_axes={"rows": {0: "batch"}, "logits": {0: "batch"}},
            dynamo=False,
        )
        return path.read_bytes()


def serialise(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString())


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def seconds(run: onnxruntime.InferenceSession, rows: np.ndarray) -> float:
    start = time.perf_counter()
    repeats = max(1, 64 // len(rows))
    for _ in range(repeats):
        run.run(None, {"rows": rows})
    return (time.perf_counter() - start) / repeats


def main() -> None:
    print("| cell | batch | one node, µs per image | unrolled, µs per image | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for name, recipe in RECIPES.items():
        torch.manual_seed(0)
        network = make(recipe.network).eval()
        if not isinstance(network, RowClassifier):  # a ReNet has only one form
            continue
        forms = session(serialise(build(network, "one_node"))), session(unrolled(network))
        for batch in BATCHES:
            rows = np.random.default_rng(0).random((batch, 28, 28), np.float32)
            one, steps = (run.run(None, {"rows": rows})[0] for run in forms)
            np.testing.assert_allclose(one, steps, atol=1e-4)
            rounds = tqdm(range(ROUNDS), desc=f"{name} {batch}", leave=False)
            times = np.array([[seconds(run, rows) for run in forms] for _ in rounds])
            one, steps = np.median(times, axis=0) / batch * 1e6
            low, ratio, high = np.percentile(times[:, 0] / times[:, 1], (10, 50, 90))
            print(
                f"| {name} | {batch} | {one:.1f} | {steps:.1f} "
                f"| {ratio:.2f} ({low:.2f} to {high:.2f}) |"
            )
    print(f"\nonnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}, {THREADS} thread")


if __name__ == "__main__":
    main()
