"""Worker processes that train seeds side by side, with one progress bar over all of them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from multiprocessing.connection import Connection
from typing import Any

from training.errors import WorkerPoolError
from training.runs.progress_bar import BY_SHARE, progress_bar
from training.runs.seed_jobs import SeedJob

_seconds: Any  # in a worker: seconds of work done of each job, in memory that all processes share


def train_all(jobs: Sequence[SeedJob], workers: int, before: float = 0.0) -> None:
    """Train `jobs`, the longest first; the bar begins at `before` seconds of work done earlier.

    Raises a job's TrainingError or OSError, WorkerPoolError if a worker is killed, and
    KeyboardInterrupt. Then, too, all workers have ended, and the seeds that are finished are kept.
    """
    jobs = sorted(jobs, key=lambda job: -job.seconds)
    total = before + sum(job.seconds for job in jobs)
    context = multiprocessing.get_context("spawn")  # a fork of torch's threads may hang
    stop, running = context.Pipe(duplex=False)  # closing `running`, or our death, ends workers
    seconds = context.RawArray("d", len(jobs))
    with (
        ProcessPoolExecutor(workers, context, _start_worker, (stop, seconds)) as pool,
        progress_bar(total, "reproduce", initial=before, bar_format=BY_SHARE) as bar,
    ):
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which the workers inherit
        left = {pool.submit(_train, job, index): job for index, job in enumerate(jobs)}
        signal.signal(signal.SIGINT, lambda *_: running.close())
        try:
            while left:
                done, _ = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
                if running.closed:
                    raise KeyboardInterrupt
                for future in done:
                    future.result()
                    bar.set_postfix_str(f"{left.pop(future)} done")
                bar.update(min(before + sum(seconds), total) - bar.n)
        except BrokenExecutor as error:
            raise WorkerPoolError from error
        finally:
            running.close()
            signal.signal(signal.SIGINT, handler)


def _start_worker(stop: Connection, seconds: Any) -> None:
    global _seconds  # noqa: PLW0603  all that an initializer can leave to the jobs
    _seconds = seconds
    threading.Thread(target=lambda: stop.poll(None) and os._exit(1), daemon=True).start()


def _train(job: SeedJob, index: int) -> None:
    job.train(lambda share: _seconds.__setitem__(index, share * job.seconds))
