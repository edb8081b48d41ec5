"""The registry: every published model checked, loaded and warmed up, or none of them."""

import contextlib
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from models import manifest as contract
from models.manifest import Manifest, ManifestError
from service.errors import ModelNotFoundError, WrongTaskError, quote
from service.inference.backends import Backend, BackendError, open_backend, probe
from service.inference.choice import SMALL, choose
from service.inference.classifier import Classifier, classifier_problem
from service.inference.model import Model
from service.inference.row_classifier import RowClassifier
from service.inference.transcriber import Transcriber, transcriber_problem
from service.settings import Kind, Settings

_log = logging.getLogger("rowreader")

# TorchScript compiles itself anew in the first runs, once for one picture and once for several; on
# a GPU and with OpenVINO the first run of a size takes long.
_WARM_UP_BATCHES = (1, 1, 1, 32, 32, 32)
# ONNX Runtime on the CPU has nothing to warm up, and keeps the memory of the largest batch.
_CPU_BATCHES = (1, 2)


class LoadError(RuntimeError):
    """The models cannot be served; the message says why and names no path outside their folder."""

    @property
    def detail(self) -> str:
        """For the log: the same with whole paths, and what the operating system says."""
        cause = self.__cause__ or self
        system = cause.__cause__
        return f"{cause} ({system})" if isinstance(system, OSError) else str(cause)


class Registry:
    """The loaded models by name, and the classifiers and readers of lines among them."""

    def __init__(self, models: Iterable[Model], default: str) -> None:
        self._models = {model.name: model for model in models}
        self._default = default
        self._classifiers: dict[str, Classifier] = {}
        self._row_classifiers: dict[str, RowClassifier] = {}  # by the name of the whole
        self._transcribers: dict[str, Transcriber] = {}
        self._problems: dict[str, str] = {}
        for name, model in self._models.items():
            with contextlib.suppress(WrongTaskError):
                self._transcribers[name] = Transcriber(model)
            try:
                self._classifiers[name] = Classifier(model)
            except WrongTaskError as error:
                self._problems[name] = str(error)
        for model in self._models.values():
            reading = model.manifest.row_reading
            if reading and (whole := self._classifiers.get(reading.whole)):
                with contextlib.suppress(WrongTaskError):  # it is served under /v2 all the same
                    self._row_classifiers[reading.whole] = RowClassifier(model, whole)

    @property
    def providers(self) -> dict[str, str]:
        """What really runs each model, by its name; of large requests, if that is another, last."""
        return {
            name: "; ".join(dict.fromkeys(backend.provider for backend in model.backends))
            for name, model in self._models.items()
        }

    def classifier(self, name: str | None) -> Classifier:
        """The classifier called `name`, the default one for None.

        Raises:
            ModelNotFoundError: no model is called so.
            WrongTaskError: the model does not classify digits.

        """
        name = name or self._default
        if name in self._problems:
            raise WrongTaskError(self._problems[name])
        if name not in self._classifiers:
            raise ModelNotFoundError(
                f"there is no model {quote(name)}; published are: {', '.join(self._classifiers)}"
            )
        return self._classifiers[name]

    def row_classifier(self, name: str | None) -> RowClassifier:
        """What reads row by row as the classifier called `name` does, the default one for None.

        Raises:
            ModelNotFoundError: no model is called so.
            WrongTaskError: the model does not classify digits, or only when it has seen them whole.

        """
        classifier = self.classifier(name)
        found = self._row_classifiers.get(classifier.name)
        if found is None:
            known = ", ".join(self._row_classifiers) or "none"
            raise WrongTaskError(
                f"model {classifier.name!r} cannot be read row by row; those that can: {known}"
            )
        return found

    def transcriber(self, name: str | None) -> Transcriber:
        """The reader of lines called `name`, the first one by name for None.

        Raises:
            ModelNotFoundError: no model is called so, or none reads lines.
            WrongTaskError: the model does not read lines.

        """
        known = ", ".join(self._transcribers) or "none"
        if name is None:
            if not self._transcribers:
                raise ModelNotFoundError("no model is published that reads numbers")
            return next(iter(self._transcribers.values()))
        if name not in self._transcribers and name in self._models:
            task = self._models[name].manifest.task
            raise WrongTaskError(
                f"model {name!r} cannot read numbers: its task is {task}; those that can: {known}"
            )
        if name not in self._transcribers:
            raise ModelNotFoundError(
                f"there is no model {quote(name)} that reads numbers; published are: {known}"
            )
        return self._transcribers[name]

    def listing(self) -> list[dict[str, Any]]:
        """Every model: its name, task and provider, its accuracy on test images, and `rows`.

        The accuracy is None for a model without one. `rows` says whether it can be read row by row.
        """
        return [
            {
                "name": name,
                "task": model.manifest.task,
                "provider": self.providers[name],
                "test_accuracy": _test_accuracy(model.manifest),
                "rows": name in self._row_classifiers,
            }
            for name, model in self._models.items()
        ]

    def model(self, name: str) -> Model:
        """The model called `name`, whatever its task.

        Raises:
            ModelNotFoundError: no model is called so.

        """
        if name not in self._models:
            raise ModelNotFoundError(
                f"there is no model {quote(name)}; published are: {', '.join(self._models)}"
            )
        return self._models[name]


def _test_accuracy(manifest: Manifest) -> float | None:
    try:
        return manifest.metric("test", "accuracy").value
    except ManifestError:
        return None


def load(settings: Settings) -> Registry:
    """Check every published model, and only then load and warm up each.

    Raises:
        LoadError: naming what is missing, altered or does not work.

    """
    try:
        manifests = _read_manifests(settings)
        loaded = [load_model(settings, folder, m) for folder, m in manifests.items()]
    except ManifestError as error:
        raise LoadError(_without_paths(str(error), settings.models_dir)) from error
    except BackendError as error:
        raise LoadError(error.summary) from error
    except OSError as error:
        raise LoadError(f"a file of the models folder {contract.unreadable(error)}") from error
    registry = Registry(loaded, settings.default_model)
    try:
        registry.classifier(None)
    except (ModelNotFoundError, WrongTaskError) as error:
        raise LoadError(
            f"the default model does not serve: {error}; name another with ROWREADER_DEFAULT_MODEL"
        ) from error
    return registry


def _read_manifests(settings: Settings) -> dict[Path, Manifest]:
    """Read the manifests of all published models, and check every file by its digest."""
    folders = contract.discover(settings.models_dir)
    if not folders:
        raise LoadError(
            "no models are published in the models folder; publish them with "
            "`python -m training.export`, or set ROWREADER_MODELS_DIR"
        )
    manifests = {folder: contract.read(folder) for folder in folders}
    for folder, manifest in manifests.items():
        contract.verify(folder, manifest)
    _check_row_streams({manifest.name: manifest for manifest in manifests.values()})
    return manifests


def _check_row_streams(manifests: Mapping[str, Manifest]) -> None:
    """Refuse a row stream beside a whole graph of other weights: they would decide differently.

    Raises:
        ManifestError: naming both.

    """
    for manifest in manifests.values():
        reading = manifest.row_reading
        whole = manifests.get(reading.whole) if reading else None
        if reading and whole and whole.file("onnx").sha256 != reading.whole_sha256:
            raise ManifestError(
                f"model {manifest.name!r} belongs to another {whole.name!r} than the one that is "
                "published; publish both again with `python -m training.export`"
            )


# Seconds for which a model's backends are compared, a quarter of one for the four classifiers that
# ship. Larger: starts take longer; smaller: what else runs on the machine decides.
_COMPARED_SECONDS = 0.06


def load_model(settings: Settings, folder: Path, manifest: Manifest) -> Model:
    """Open a model's backend and warm it up; OpenVINO's only where the manifest proves it.

    Raises:
        BackendError: it cannot be opened, or does not give what the manifest says.

    """
    match settings.backend:
        case "onnxruntime" | "torchscript" as kind:
            return Model(manifest, _open(settings, kind, folder, manifest))
    is_asked_for = settings.backend == "openvino"
    proven = {row.provider for row in manifest.parity if row.backend == "openvino"}
    exact = not any("bf16" in provider for provider in proven)
    if is_asked_for and proven:
        return Model(manifest, _open(settings, "openvino", folder, manifest, exact=exact))
    if is_asked_for:
        _log.info("Model %s is not proven with OpenVINO; ONNX Runtime runs it", manifest.name)
    first = _open(settings, "onnxruntime", folder, manifest)
    if is_asked_for or not proven or "CPU" not in first.provider:
        return Model(manifest, first)
    try:
        second = _open(settings, "openvino", folder, manifest, exact=exact)
    except BackendError as error:
        _log.info("Model %s is run by ONNX Runtime: %s", manifest.name, error)
        return Model(manifest, first)
    small, large = choose(manifest, (first, second), _COMPARED_SECONDS)
    return Model(manifest, small, None if large is small else (SMALL, large))


def _open(
    settings: Settings, kind: Kind, folder: Path, manifest: Manifest, *, exact: bool = False
) -> Backend:
    """Open a backend and warm it up."""
    backend = open_backend(
        kind,
        folder,
        manifest,
        device=settings.device,
        threads=settings.intra_op_threads,
        exact=exact,
    )
    is_ort_on_cpu = backend.provider == "CPUExecutionProvider"
    for batch in _CPU_BATCHES if is_ort_on_cpu else _WARM_UP_BATCHES:
        probe(backend, manifest, batch)
    return backend


def _without_paths(message: str, models_dir: Path) -> str:
    """`message` with names inside `models_dir` instead of whole paths."""
    return message.replace(f"{models_dir}/", "").replace(str(models_dir), "the models folder")


def list_models(models_dir: Path) -> list[str]:
    """The names of the models in `models_dir`, sound or not; none when it is no folder."""
    try:
        return [folder.name for folder in contract.discover(models_dir)]
    except ManifestError:
        return []


def list_classifiers(models_dir: Path) -> list[str]:
    """The names of the models in `models_dir` whose manifest is sound and says: reads digits."""
    names = []
    for name in list_models(models_dir):
        with contextlib.suppress(ManifestError):
            if not classifier_problem(contract.read(models_dir / name)):
                names.append(name)
    return names


def list_transcribers(models_dir: Path) -> list[str]:
    """The names of the models in `models_dir` whose manifest is sound and says: reads lines."""
    names = []
    for name in list_models(models_dir):
        with contextlib.suppress(ManifestError):
            if not transcriber_problem(contract.read(models_dir / name)):
                names.append(name)
    return names
