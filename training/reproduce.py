"""Train every model of the tutorials over its seeds and report: `python -m training.reproduce`.

Each finished seed is kept in `RUNS_DIR/NAME/`, so that the same command goes on after it was
stopped, by Ctrl-C or by force. At the end the table is printed, and written with plots into
`REPORT_DIR/`.

One process a core with one thread each: small networks gain nothing from a second thread.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

from training.command_line import add_options, needs_data, run_command, tutorial_name
from training.errors import ClusterError
from training.processors import usable_processors
from training.recipes.tutorials import TUTORIALS


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    return run_command(lambda: _reproduce(options), "the same command goes on where it stopped")


def _reproduce(options: argparse.Namespace) -> None:
    from training.data.loading import load
    from training.reports import report
    from training.reports.results import collect
    from training.runs.seed_jobs import SeedJob
    from training.runs.worker_pool import train_all
    from training.trainers.device import choose_device

    if options.ray:
        _check_ray(options.device)
    tutorials = [TUTORIALS[name] for name in options.names or TUTORIALS]
    choose_device(options.device)  # or say now that it does not work
    needed = needs_data(tutorial.name for tutorial in tutorials)
    data = load(options.dataset, options.data_dir) if needed else None
    options.report_dir.mkdir(parents=True, exist_ok=True)  # or say now that it cannot be made
    report.check_folder(options.report_dir, tutorials, data)
    seeds = [range(min(tutorial.seeds, options.seeds or tutorial.seeds)) for tutorial in tutorials]
    jobs = [
        SeedJob(
            name=tutorial.name,
            seed=seed,
            dataset=options.dataset,
            data_dir=options.data_dir,
            runs_dir=options.runs_dir,
            device=options.device,
        )
        for tutorial, numbers in zip(tutorials, seeds, strict=True)
        for seed in numbers
    ]
    finished = [job for job in jobs if job.find(data)]
    left = [job for job in jobs if job not in finished]
    before = sum(job.seconds for job in finished)
    if options.ray:
        from training.runs import ray_pool

        ray_pool.train_all(left, data, options.workers, before)
    else:
        train_all(left, options.workers, before)
    results = [
        collect(tutorial, numbers, data, options.runs_dir)
        for tutorial, numbers in zip(tutorials, seeds, strict=True)
    ]
    print("drawing the plots ...", file=sys.stderr)
    print(f"\n{report.write(results, data, options.report_dir)}")


def _check_ray(device: str) -> None:
    """Refuse what cannot be done on Ray, before anything is loaded.

    Raises:
        ClusterError: Ray is not installed, or seeds are to be trained on a GPU.

    """
    if importlib.util.find_spec("ray") is None:
        raise ClusterError("--ray needs Ray: `pip install '.[training,bulk]'` brings it")
    if device == "cuda":
        raise ClusterError(
            "--ray trains on processors, of which a cluster has many; leave --device out"
        )


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
        default=usable_processors(),
        metavar="N",
        help="processes that train at the same time (default: one a core)",
    )
    parser.add_argument(
        "--ray",
        action="store_true",
        help="train as Ray tasks: on the cluster that RAY_ADDRESS names, all of it, else here",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
