"""Read the images of a part as the service does, and write their rows: what runs on every node.

It is the service's own way from bytes to a prediction: the same limits, the same processes that
parse, the same classifier. Pictures do not share a run of the model, so that no row depends on its
neighbours, to the last digit.
"""

import asyncio
import hashlib
import io
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models import manifest
from models.manifest import Manifest, ManifestError, Role
from service.bulk import name_lists, stores
from service.bulk.errors import BulkError, FolderError, ModelError, SourceError
from service.bulk.name_lists import Part
from service.bulk.results_folder import Record, ResultsFolder
from service.bulk.sources import Source
from service.errors import ApiError, BodyTooLargeError, InternalError, NotReadyError
from service.execution.parser_pool import ParserError, ParserPool, ParsingFailedError
from service.execution.scheduler import Scheduler
from service.inference.backends import BackendError
from service.inference.classifier import Classifier, classifier_problem
from service.inference.registry import load_model
from service.metrics import Metrics
from service.predictor import Predictor, Result
from service.settings import Settings
from service.uploads.form import Form

# Images on their way at once: as many are fetched ahead as hide the latency of a store.
_AT_ONCE = 32
# The error of a row whose file the service never saw; all others are the service's codes.
UNREADABLE = "unreadable"

SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("sha256", pa.string()),  # of the file's bytes; null if they could not be read
        pa.field("digit", pa.int8()),
        pa.field("confidence", pa.float64()),
        pa.field("probabilities", pa.list_(pa.float64())),
        pa.field("accepted", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),  # why it is not accepted
        pa.field("error", pa.string()),  # a code: why there is no digit
        pa.field("message", pa.string()),  # the same for people
        pa.field("model", pa.string(), nullable=False),
        pa.field("model_sha256", pa.string(), nullable=False),
    ]
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What every node needs to know; plain values, so that they are cheap to send."""

    source: Source
    out: str
    record: Record
    settings: Mapping[str, Any]  # of the service, as the command had them


def find_model(settings: Settings, name: str) -> tuple[Path, Manifest]:
    """The folder and the manifest of the classifier called `name`, its files checked by digests.

    Raises:
        ModelError: there is none, or it is damaged.

    """
    folder = settings.models_dir / name
    try:
        if folder not in manifest.discover(settings.models_dir):
            raise ModelError(f"no model {name!r} is published in {settings.models_dir}")
        found = manifest.read(folder)
        manifest.verify(folder, found)
    except ManifestError as error:
        raise ModelError(str(error)) from error
    if problem := classifier_problem(found):
        raise ModelError(f"model {name!r} cannot predict digits: {problem}")
    return folder, found


def model_digest(settings: Settings, found: Manifest) -> str:
    """The SHA-256 of the file that is run.

    Raises:
        ModelError: the model was published without one for this backend.

    """
    role: Role = "torchscript" if settings.backend == "torchscript" else "onnx"
    try:
        return found.file(role).sha256
    except ManifestError as error:
        raise ModelError(str(error)) from error


class PartReader:
    """Reads parts one after the other, in a process of its own; loads the model at the first."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loop = asyncio.Runner()  # one for all parts: queues belong to their loop
        self._predictor: Predictor | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Read the one part in `batch` and write its rows.

        Whatever ends the run comes back as `problem`, in words: an exception would come in Ray's.
        """
        part = Part(int(batch["list"][0]), int(batch["group"][0]))
        images, problem = 0, ""
        try:
            images = self._read(part)
        except BulkError as error:
            problem = str(error)
        except OSError as error:
            problem = (
                f"the results cannot be written on {socket.gethostname()}: {error}; make room, or "
                "mend that, then the same command goes on where it stopped"
            )
        return {"images": [images], "problem": [problem]}

    def _read(self, part: Part) -> int:
        if self._predictor is None:
            self._predictor, self._classifier = self._prepare()
        names = name_lists.read_part(self._job.out, part)
        rows = self._loop.run(self._read_all(self._predictor, names))
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), buffer, compression="zstd")
        stores.write(f"{self._job.out}/{part.file_name}", buffer.getvalue())
        return len(rows)

    def _prepare(self) -> tuple[Predictor, Classifier]:
        """Load what reads.

        Raises:
            BulkError: the model or the folder is another one on this node, or nothing can be read.

        """
        node, record = socket.gethostname(), self._job.record
        if ResultsFolder(self._job.out).record() != record:
            raise FolderError(
                f"node {node} does not see {self._job.out} as the command does; name a folder that "
                "all nodes share: on a shared disk, or at s3:// or gs://"
            )
        settings = Settings.from_environment(**self._job.settings)
        folder, found = find_model(settings, record.model)
        if model_digest(settings, found) != record.model_sha256:
            raise ModelError(f"node {node} has another model {record.model!r}; install the same")
        try:
            fixed = {"device": "cpu", "intra_op_threads": 1}
            model = load_model(settings.model_copy(update=fixed), folder, found)
            # Waiting is no error here: nobody waits for the answer.
            metrics, patience = Metrics(), settings.max_delay_seconds
            parser = ParserPool(
                1, settings.max_parse_seconds, settings.max_parse_bytes, patience, metrics
            )
            parser.wait_until_ready()
        except (BackendError, ParserError) as error:
            raise ModelError(f"on node {node}: {error}") from error
        self._most_bytes = settings.max_body_bytes
        self._fetch = ThreadPoolExecutor(_AT_ONCE)
        scheduler = Scheduler(parser, 1, settings.max_joint_batch, patience, metrics)
        return Predictor(settings, scheduler, metrics), Classifier(model)

    async def _read_all(self, predictor: Predictor, names: list[str]) -> list[Row]:
        """A row for each name, in order."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def read(name: str) -> Row:
            async with slots:
                return await self._read_one(predictor, name)

        return await asyncio.gather(*(read(name) for name in names))

    async def _read_one(self, predictor: Predictor, name: str) -> Row:
        record = self._job.record
        row: Row = {
            "path": name,
            "accepted": False,
            "model": record.model,
            "model_sha256": record.model_sha256,
        }
        whole = stores.join(self._job.source.base, name)
        loop = asyncio.get_running_loop()
        try:
            data = await loop.run_in_executor(self._fetch, stores.read, whole, self._most_bytes)
        except stores.UnreadableError as error:
            if error.missing and self._job.source.has_gone():
                raise SourceError(
                    f"{self._job.source.name} is not there any more, or node "
                    f"{socket.gethostname()} does not see it"
                ) from error
            return {**row, "error": UNREADABLE, "message": str(error)}
        except stores.TooLargeError as error:
            return {**row, "error": BodyTooLargeError.code, "message": str(error)}
        row["sha256"] = hashlib.sha256(data).hexdigest()
        return row | _columns(await self._predict(predictor, data))

    async def _predict(self, predictor: Predictor, data: bytes) -> Result:
        try:
            [result] = await predictor.predict_batch(self._classifier, Form([data], None))
        except NotReadyError as error:
            raise ModelError(f"on node {socket.gethostname()}: {error}") from error
        except ApiError as error:
            return error
        except ParsingFailedError as error:  # a fault of ours; it may not end ten million others
            return InternalError(str(error).strip().rpartition("\n")[2])
        if isinstance(result, NotReadyError):
            raise ModelError(f"on node {socket.gethostname()}: {result}")
        return result


def _columns(result: Result) -> Row:
    if isinstance(result, ApiError):
        return {"error": result.code, "message": str(result)}
    return {
        "digit": result.digit,
        "confidence": result.confidence,
        "probabilities": np.asarray(result.probabilities),
        "accepted": result.accepted,
        "reason": result.reason,
    }
