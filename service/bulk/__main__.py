"""Read millions of images: `python -m service.bulk SOURCE --out FOLDER`.

On this machine, or on the Ray cluster that `RAY_ADDRESS` names. Stopped or killed, the same command
goes on where it was: what is in FOLDER is not read again. docs/bulk.md tells the rest.
"""

import argparse
import importlib.util
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from service.settings import SettingsError, warn_of_unknown

if TYPE_CHECKING:
    from tqdm import tqdm

    from service.bulk.name_lists import Part
    from service.bulk.part_reader import Job

_EXAMPLES = """\
examples:
  python -m service.bulk scans --out results
  python -m service.bulk s3://bucket/scans --out s3://bucket/results --model accurate
  python -m service.bulk list.parquet --out results --workers 8
"""
INTERRUPTED = 130  # the shell's exit status for Ctrl-C
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_EXTRA = ("ray", "pyarrow", "filelock", "tqdm")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    if missing := [name for name in _EXTRA if importlib.util.find_spec(name) is None]:
        return _fail(f"{', '.join(missing)} is not installed: `pip install '.[bulk]'` brings it")
    # A shell has what it starts in the background ignore Ctrl-C; `kill -INT` is to stop that too.
    before = {number: signal.signal(number, _interrupt) for number in _STOPPING}
    try:
        warn_of_unknown()
        return _run(options)
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on where it stopped.", file=sys.stderr)
        return INTERRUPTED
    except SettingsError as error:
        return _fail(str(error))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


def _run(options: argparse.Namespace) -> int:
    from service.bulk.errors import BulkError

    try:
        return _read_all(options)
    except BulkError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error}; the same command goes on where it stopped")


def _read_all(options: argparse.Namespace) -> int:
    from service.bulk import plan, totals
    from service.bulk.results_folder import ResultsFolder

    job = plan.make_job(options.source, options.out, options.model, options.part_size)
    folder = ResultsFolder(job.out)
    with folder.locked():
        folder.begin(job.record)
        with _bar(None, "listing", unit=" names") as bar:
            parts, new = plan.list_names(job, folder, bar.update)
        images = sum(parts.values())
        if not images:
            return _fail(f"{job.source.name} holds no file to read; hidden ones do not count")
        finished = folder.finished() & parts.keys()
        print(
            f"{images:,} images, {new:,} of them new; {sum(parts[part] for part in finished):,} "
            "are read already",
            file=sys.stderr,
        )
        _read_parts(job, parts, finished, options.workers)
        counted = totals.count(folder, parts.keys() & folder.finished())
    print("\n".join(counted.lines()))
    if counted.images == images:
        return 0
    return _fail(
        f"{job.out} holds {counted.images:,} rows for {images:,} images; do all nodes see it? The "
        "same command reads what is missing"
    )


def _read_parts(
    job: "Job", parts: "Mapping[Part, int]", finished: "set[Part]", workers: int | None
) -> None:
    """Read all `parts` that are not `finished`, with a progress bar over all of them."""
    left = [part for part in parts if part not in finished]
    if not left:
        return
    from service.bulk import cluster

    images, done = sum(parts.values()), sum(parts[part] for part in finished)
    with (
        cluster.connected(workers),
        _bar(images, "reading", unit=" images", initial=done) as bar,
    ):
        for count in cluster.read_parts(job, left, workers):
            bar.update(count)


def _bar(total: int | None, title: str, **options: Any) -> "tqdm[NoReturn]":
    from tqdm import tqdm

    # A log keeps every state of the bar, so it gets one in half a minute.
    seconds = 0.5 if sys.stderr.isatty() else 30.0
    return tqdm(total=total, desc=title, mininterval=seconds, dynamic_ncols=True, **options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m service.bulk",
        description="Read all images of a source, and write what is read in each into a folder of "
        "Parquet files. Stopped or killed, the same command goes on where it was.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a folder, an s3:// or gs:// prefix, or a Parquet file with a column `path`",
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FOLDER",
        help="where the results are written: a folder, or an s3:// or gs:// prefix",
    )
    parser.add_argument("--model", metavar="NAME", help="(default: ROWREADER_DEFAULT_MODEL)")
    parser.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help="processes that read at the same time (default: one a processor, of all nodes)",
    )
    parser.add_argument(
        "--part-size",
        type=_count,
        default=500,
        metavar="N",
        help="images in one file of results, which is what a kill can cost of work (default: 500)",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
