"""Several processes that train seeds side by side, one progress bar over all of them."""

import argparse
import functools
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple, NoReturn

import torch
from tqdm import tqdm

from training.command_line import choose_device
from training.data.datasets import DataSet, load
from training.recipes.tutorials import TUTORIALS
from training.runs import folders, seeds
from training.runs.finished import data_for
from training.runs.seeds import SeedRun
from training.trainers.plain_trainer import PlainTrainer

_POLL = 0.2  # seconds between two looks at the progress


class CrewError(RuntimeError):
    """A process ended before its work was done; what was finished is kept."""


class Job(NamedTuple):
    """One seed of one recipe."""

    name: str
    seed: int


class _Told(NamedTuple):
    """What the processes share: where progress goes, and whether to stop."""

    progress: "Queue[float]"  # seconds of work done, by the tutorials' own estimate
    stop: Event


def find(job: Job, data: DataSet | None, runs_dir: Path) -> tuple[Path, SeedRun | None]:
    """The folder of this job's recipe, and its finished run if there is one.

    Raises:
        CheckpointError: what lies there is damaged.

    """
    recipe = TUTORIALS[job.name].with_seed(job.seed)
    mine = data_for(recipe, data)
    folder = runs_dir / folders.run_name(job.name, seeds.dataset_name(mine))
    return folder, seeds.find(folder, recipe, mine)


def train_all(jobs: Sequence[Job], done: Sequence[Job], options: argparse.Namespace) -> None:
    """Train all of `jobs`, the longest first; those that are `done` count for the progress bar.

    Raises:
        CheckpointError, DataError, OSError: from any of the processes; the others are stopped.
        CrewError: a process was killed.
        KeyboardInterrupt: the user stopped it; finished seeds are kept.

    """
    context = multiprocessing.get_context("spawn")  # a fork of torch's threads may hang
    told = _Told(context.Queue(), context.Event())
    ordered = sorted(jobs, key=lambda job: -TUTORIALS[job.name].seconds)
    with (
        ProcessPoolExecutor(options.workers, context, _begin, (told,)) as pool,
        tqdm(
            total=_seconds([*jobs, *done]),
            initial=_seconds(done),
            desc="reproduce",
            # In a log, which keeps every step of the bar, one in half a minute is enough.
            mininterval=0.5 if sys.stderr.isatty() else 30.0,
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}",
            dynamic_ncols=True,
        ) as bar,
    ):
        # The processes begin here, and take over that Ctrl-C is the parent's to handle.
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
        left = {pool.submit(_train, job, options): job for job in ordered}
        # Noted rather than raised at once: a KeyboardInterrupt that meets Python clearing up
        # something is only reported, and the work would go on.
        stop = threading.Event()
        signal.signal(signal.SIGINT, lambda *_: stop.set())
        try:
            _follow(left, told, bar, stop)
        except BrokenProcessPool as error:
            raise CrewError(
                "a training process was killed, perhaps for want of memory; the same command goes "
                "on where it stopped, with fewer --workers"
            ) from error
        finally:
            signal.signal(signal.SIGINT, handler)
            told.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _follow(
    left: dict[Future[None], Job], told: _Told, bar: "tqdm[NoReturn]", stop: threading.Event
) -> None:
    waiting, total = set(left), float(bar.total or 0)
    while waiting:
        done, waiting = wait(waiting, timeout=_POLL, return_when=FIRST_COMPLETED)
        if stop.is_set():
            raise KeyboardInterrupt
        try:
            while True:
                # Seconds add up to slightly more than their total, of which tqdm would warn.
                bar.update(min(told.progress.get_nowait(), total - bar.n))
        except queue.Empty:
            pass
        for future in done:
            future.result()
            bar.set_postfix_str(f"{left[future].name}, seed {left[future].seed} done")


def _seconds(jobs: Sequence[Job]) -> float:
    return sum(TUTORIALS[job.name].seconds for job in jobs)


_shared: _Told  # set once in each of the processes


def _begin(told: _Told) -> None:
    """Prepare a process of the crew."""
    global _shared  # noqa: PLW0603  how an initializer hands on what cannot be an argument
    _shared = told
    torch.set_num_threads(1)
    told.progress.cancel_join_thread()  # progress that nobody hears must not hold up the end
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process as soon as its parent is gone, even by SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


class _StoppedError(RuntimeError):
    """The parent asked for the end."""


def _train(job: Job, options: argparse.Namespace) -> None:
    tutorial = TUTORIALS[job.name]
    recipe = tutorial.with_seed(job.seed)
    data = None if recipe.task == "regress" else _data(options.dataset, options.data_dir)
    folder, _ = find(job, data, options.runs_dir)
    with folders.alone(folder / f"seed-{job.seed}"):
        trainer = PlainTrainer(recipe, data, choose_device(options.device))

        def on_step() -> None:
            if _shared.stop.is_set():
                raise _StoppedError
            _shared.progress.put(tutorial.seconds / trainer.steps)

        seeds.train(folder, trainer, on_step)


_data = functools.cache(load)
