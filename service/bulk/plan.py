"""What is to be read: the model, the limits and the list of images of a run."""

from collections.abc import Callable, Iterator
from typing import Any

from service.bulk import name_lists, sources
from service.bulk.errors import FolderError
from service.bulk.name_lists import Part
from service.bulk.part_reader import Job, find_model, model_digest
from service.bulk.results_folder import Record, ResultsFolder
from service.settings import Settings

# The settings that decide whether an image is read.
_LIMITS = ("max_body_bytes", "max_pixels", "max_parse_seconds", "max_parse_bytes")


def make_job(source: str, out: str, model: str | None, part_size: int) -> Job:
    """Check what the command was given, before anything is written.

    Raises:
        BulkError: the source or the model is not there, or the results would lie in the source.
        SettingsError: an environment variable holds what it may not.

    """
    settings = Settings.from_environment()
    found = sources.find(source)
    results = ResultsFolder(out).name
    if not found.is_list and f"{results}/".startswith(f"{found.name.rstrip('/')}/"):
        raise FolderError(
            f"{results} lies in {found.name}, where results would be taken for images; name "
            "another folder with --out"
        )
    _, manifest = find_model(settings, model or settings.default_model)
    limits = {name: getattr(settings, name) for name in _LIMITS}
    record = Record(
        source=found.name,
        model=manifest.name,
        model_sha256=model_digest(settings, manifest),
        part_size=part_size,
        limits=limits,
    )
    given = settings.model_fields_set & {"models_dir"}  # else each node takes its own
    own: dict[str, Any] = {
        # OpenVINO rounds otherwise on other processors, and so would the nodes of a cluster.
        "backend": "torchscript" if settings.backend == "torchscript" else "onnxruntime",
        "max_joint_batch": 1,
        "max_delay_seconds": 3600.0,
    }
    own |= {name: str(getattr(settings, name)) for name in given}
    return Job(found, results, record, {**limits, **own})


def list_names(
    job: Job, folder: ResultsFolder, on_names: Callable[[int], object]
) -> tuple[dict[Part, int], int]:
    """All parts of `folder` with the images of each, and how many of these are new in the source.

    `on_names(n)` is called with every n further names.

    Raises:
        BulkError: the source cannot be listed.

    """

    def listed() -> Iterator[list[str]]:
        for batch in job.source.names():
            on_names(len(batch))
            yield batch

    lists = folder.lists()
    known, parts = name_lists.load(job.out, lists)
    new = name_lists.extend(job.out, lists, known, listed(), job.record.part_size)
    return parts | new, sum(new.values())
