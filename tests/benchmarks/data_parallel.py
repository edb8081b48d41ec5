"""What a step over two processes would take: `python -m tests.benchmarks.data_parallel`, a minute.

A step of the shipped GRU and of the tutorials' `lstm-64` at several batch sizes on one thread,
forward, backward and Adam; and what averaging their gradients takes between two processes of this
machine (gloo), where there is no network in the way. Medians, with the 10th and the 90th
percentile, in milliseconds.
"""

import tempfile
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.multiprocessing.spawn import spawn

from tests.benchmarks.tools.conditions import conditions, sentence
from training.networks.modules import build
from training.recipes.shipped import RECIPES
from training.recipes.tutorials import TUTORIALS

BATCHES, STEPS = (128, 64, 32, 16), 60


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)
    steps = "".join(f" a step of {batch} |" for batch in BATCHES)
    print(f"| network | weights |{steps} averaging |\n|{' --- |' * (len(BATCHES) + 3)}")
    networks = {"gru": RECIPES["gru"].network, "lstm-64": TUTORIALS["lstm-64"].recipe.network}
    for name, configuration in networks.items():
        network = build(configuration)
        weights = sum(parameter.numel() for parameter in network.parameters())
        took = " | ".join(_shown(_step(network, batch)) for batch in BATCHES)
        print(f"| `{name}` | {weights:,} | {took} | ", end="", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            spawn(_average, (f"{folder}/place", weights), nprocs=2)
    print(f"\n{sentence(conditions())}")


def _step(network: nn.Module, batch: int) -> Callable[[], object]:
    rows, labels = torch.rand(batch, 28, 28), torch.randint(10, (batch,))
    optimizer = torch.optim.Adam(network.parameters())

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(rows), labels).backward()
        optimizer.step()

    return step


def _average(rank: int, place: str, weights: int) -> None:
    """One of two processes, which meet by the file at `place`."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    gradients = torch.rand(weights)
    shown = _shown(lambda: dist.all_reduce(gradients))
    if rank == 0:
        print(f"{shown} |", flush=True)
    dist.destroy_process_group()


def _shown(work: Callable[[], object]) -> str:
    took = []
    for _ in range(STEPS):
        began = time.perf_counter()
        work()
        took.append(1e3 * (time.perf_counter() - began))
    low, middle, high = np.percentile(took, (10, 50, 90))
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
