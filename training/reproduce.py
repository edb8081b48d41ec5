"""Train every model of the tutorials over its seeds and report: `python -m training.reproduce`.

Each finished seed is kept in `RUNS_DIR/NAME/`, so a run that was stopped, by Ctrl-C or by force,
goes on where it was when the same command is given again. At the end the table is printed, and
written with its plots into `REPORT_DIR/`.

One process a core, one thread each: small networks gain nothing from a second thread.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from training.command_line import (
    INTERRUPTED,
    DeviceError,
    add_options,
    choose_device,
    needs_data,
    tutorial_name,
)
from training.data.datasets import DataError, load
from training.recipes.tutorials import TUTORIALS, Tutorial
from training.reports import report
from training.reports.results import collect
from training.runs.checkpoint import CheckpointError
from training.runs.worker_pool import CrewError, Job, find, train_all


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    chosen = [TUTORIALS[name] for name in options.names or TUTORIALS]
    jobs = [Job(tutorial.name, seed) for tutorial in chosen for seed in _seeds(tutorial, options)]
    try:
        options.report_dir.mkdir(parents=True, exist_ok=True)  # or say now that it cannot be
        choose_device(options.device)
        names = [tutorial.name for tutorial in chosen]
        data = load(options.dataset, options.data_dir) if needs_data(names) else None
        done = [job for job in jobs if find(job, data, options.runs_dir)[1]]
        train_all([job for job in jobs if job not in done], done, options)
        results = [collect(tutorial, jobs, data, options.runs_dir) for tutorial in chosen]
        print("drawing the plots ...", file=sys.stderr)
        print(f"\n{report.write(results, data, options.report_dir)}")
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on where it stopped.", file=sys.stderr)
        return INTERRUPTED
    except (CheckpointError, CrewError, DataError, DeviceError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _seeds(tutorial: Tutorial, options: argparse.Namespace) -> Sequence[int]:
    return range(min(tutorial.seeds, options.seeds or tutorial.seeds))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.reproduce",
        description="Train the models of the tutorials over their seeds; write a table and plots.",
        epilog="\n".join(["recipes:", *(f"  {name}" for name in TUTORIALS)]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", type=tutorial_name, metavar="NAME", help="recipes (default: all)"
    )
    add_options(parser)
    parser.add_argument(
        "--report-dir",
        type=Path,
        default=Path("runs/report"),
        metavar="DIR",
        help="where the table and the plots are written (default: runs/report)",
    )
    parser.add_argument("--seeds", type=_count, metavar="N", help="at most so many of each recipe")
    parser.add_argument(
        "--workers",
        type=_count,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        metavar="N",
        help="processes that train at the same time (default: one a core)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
