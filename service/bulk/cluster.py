"""Parts read on Ray: on this machine alone, or on the cluster that `RAY_ADDRESS` names.

A part goes to a worker as a number, and only counts come back: no byte of an image passes through
Ray, whose own readers end at the first file that cannot be opened.
"""

import contextlib
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

# Before Ray is imported: nothing is sent to its makers. What its core writes to standard error is
# for them too; what ends a run comes back as an exception all the same.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

import ray
import ray.data
from ray.exceptions import RayError

from service.bulk.errors import BulkError
from service.bulk.name_lists import Part
from service.bulk.part_reader import Job, PartReader

# Of shared memory, on this machine alone; Ray takes a third of all otherwise, and we need nothing.
_OBJECT_STORE_BYTES = 100 * 1024 * 1024


class ClusterError(BulkError):
    """Ray cannot be reached, or gave up."""


@contextlib.contextmanager
def connected(workers: int | None) -> Iterator[None]:
    """Hold Ray; on this machine alone it has `workers` processors, or all that there are.

    Raises:
        ClusterError: the cluster cannot be reached.

    """
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if not address:
        options |= {
            "num_cpus": workers or _processors(),
            "object_store_memory": _OBJECT_STORE_BYTES,
            "include_dashboard": False,
        }
    try:
        if address:
            _knock(address)
        ray.init(address or "local", **options)
    except (RayError, OSError, RuntimeError, ValueError) as error:
        where = f"the cluster at RAY_ADDRESS={address}" if address else "Ray"
        raise ClusterError(f"{where} does not answer: {_first_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _processors() -> int:
    """Those that this process may use, where the system tells that."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _knock(address: str) -> None:
    """See in a moment whether anybody is at `host:port`: Ray itself tries for some minutes.

    Raises:
        OSError: nobody is.

    """
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "://" not in address:
        socket.create_connection((host, int(port)), timeout=5).close()


def read_parts(job: Job, parts: Sequence[Part], workers: int | None) -> Iterator[int]:
    """Read `parts`, in any order; give the number of images of each as it is done.

    At most `workers` processes read at a time; without a number it is one a processor, and more
    when a cluster grows. One that is lost, or its node, is replaced, and its part begun anew.

    Raises:
        BulkError: what ends the run; what is done is kept.

    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # the command has its own, in images
    context.print_on_execution_start = False
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
    processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    may_grow = "RAY_ADDRESS" in os.environ
    items = [part._asdict() for part in parts]
    done = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        PartReader,
        fn_constructor_args=(job,),
        batch_size=1,
        num_cpus=1,
        # A pool of a fixed size did not go on after a node was lost; one that may shrink did. Two
        # parts at a time for each, or Ray does not grow the pool with the cluster.
        compute=ray.data.ActorPoolStrategy(
            min_size=1,
            max_size=workers or (None if may_grow else processors),
            initial_size=min(workers or processors, len(parts)),
            max_tasks_in_flight_per_actor=2,
        ),
    )
    try:
        for row in done.iter_rows():
            if row["problem"]:
                raise BulkError(row["problem"])
            yield int(row["images"])
    except RayError as error:
        raise ClusterError(
            f"Ray gave up: {_first_line(error)}; the same command goes on where it stopped"
        ) from error


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), repr(error))
