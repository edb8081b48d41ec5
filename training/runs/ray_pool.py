"""Seeds trained as Ray tasks: on this machine, or on the cluster that `RAY_ADDRESS` names.

The data go to the nodes and the finished runs come back, so that no node needs the data set or sees
the folder of runs. Seeds are kept one by one, as `training.runs.worker_pool` keeps them.
"""

import contextlib
import logging
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before Ray is imported

import ray
import torch
from ray.exceptions import RayError, RayTaskError

from training.data.datasets import DataSet
from training.errors import ClusterError, TrainingError, WorkerPoolError
from training.runs import run_folder, seed_runs
from training.runs.progress_bar import BY_SHARE, progress_bar
from training.runs.seed_jobs import SeedJob
from training.runs.seed_runs import SeedFiles
from training.trainers.plain_trainer import PlainTrainer

# Of shared memory, on this machine alone: MNIST's images take 55 MB of it, QMNIST's 100 MB.
_OBJECT_STORE_BYTES = 256 * 1024 * 1024


def train_all(
    jobs: Sequence[SeedJob], data: DataSet | None, workers: int, before: float = 0.0
) -> None:
    """Train `jobs` on `data`, the longest first; the bar begins at `before` seconds of work.

    Without a cluster, `workers` are trained at a time. A node that is lost costs its seeds' work.

    Raises:
        ClusterError: Ray cannot be reached, or gave up.
        TrainingError, OSError: a job's. The seeds that are finished are kept.

    """
    jobs = sorted(jobs, key=lambda job: -job.seconds)
    if not jobs:
        return
    total = before + sum(job.seconds for job in jobs)
    with contextlib.ExitStack() as held:
        folders = {job: _folder(job, data) for job in jobs}
        for job, folder in folders.items():
            held.enter_context(run_folder.locked(folder / f"seed-{job.seed}"))
        held.enter_context(_connected(workers))
        bar = held.enter_context(
            progress_bar(total, "reproduce", initial=before, bar_format=BY_SHARE)
        )
        for job, files in _train(jobs, data):
            seed_runs.keep(folders[job], job.seed, files)
            bar.set_postfix_str(f"{job} done")
            bar.update(job.seconds)


def _folder(job: SeedJob, data: DataSet | None) -> Path:
    mine = seed_runs.data_for(job.recipe, data)
    return seed_runs.folder_of(job.recipe, mine, job.runs_dir)


@contextlib.contextmanager
def _connected(workers: int) -> Iterator[None]:
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if not address:
        options |= {
            "num_cpus": workers,
            "object_store_memory": _OBJECT_STORE_BYTES,
            "include_dashboard": False,
        }
    try:
        if address:
            _knock(address)
        ray.init(address or "local", **options)
    except (RayError, OSError, RuntimeError, ValueError) as error:
        where = f"the cluster at RAY_ADDRESS={address}" if address else "Ray"
        raise ClusterError(f"{where} does not answer: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See in a moment whether anybody is at `host:port`: Ray itself tries for some minutes.

    Raises:
        OSError: nobody is.

    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host, int(port)), timeout=5).close()


def _train(jobs: Sequence[SeedJob], data: DataSet | None) -> Iterator[tuple[SeedJob, SeedFiles]]:
    """Each job with the files of its run, as they are finished."""
    if data:  # its digests may be of a type that cannot be sent
        data = replace(data, digests=dict(data.digests))
    sent = ray.put(data)
    task = ray.remote(num_cpus=1)(_train_seed)
    left = {task.remote(job, sent): job for job in jobs}
    try:
        while left:
            done, _ = ray.wait(list(left), num_returns=1)
            for reference in done:
                yield left.pop(reference), ray.get(reference)
    except RayTaskError as error:
        if isinstance(error.cause, TrainingError | OSError):
            raise error.cause from None
        raise
    except ray.exceptions.WorkerCrashedError as error:
        raise WorkerPoolError from error
    except RayError as error:
        raise ClusterError(
            f"Ray gave up: {error}; the same command goes on where it stopped"
        ) from error


def _train_seed(job: SeedJob, data: DataSet | None) -> SeedFiles:
    """Train on a node, in a folder that is not kept there."""
    trainer = PlainTrainer(job.recipe, seed_runs.data_for(job.recipe, data), torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        seed_runs.train(Path(folder), trainer)
        return seed_runs.read_files(Path(folder), job.seed)
