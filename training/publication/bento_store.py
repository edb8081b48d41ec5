"""Published models in BentoML's model store, for those who move models by its commands.

All models of a folder are one model of the store, laid out as `ROWREADER_MODELS_DIR` wants them.
"""

import hashlib
import shutil
from pathlib import Path

import bentoml
from bentoml.exceptions import NotFound
from bentoml.models import ModelContext

from models import manifest
from models.manifest import FILENAME

NAME = "rowreader-models"


def put(models_dir: Path) -> str:
    """Copy the models in `models_dir` into the store; give their tag, which is by their digests.

    What the store holds already stays as it is.

    Raises:
        ManifestError: there is no model, or one is damaged or altered; nothing is stored.

    """
    folders = manifest.discover(models_dir)
    if not folders:
        raise manifest.ManifestError(
            f"no model is published in {models_dir}; publish with `python -m training.export`, or "
            "name another folder with --models-dir"
        )
    found = {folder: manifest.read(folder) for folder in folders}
    for folder, document in found.items():
        manifest.verify(folder, document)
    tag = f"{NAME}:{_digest(folders)[:16]}"
    try:
        return str(bentoml.models.get(tag).tag)
    except NotFound:
        pass
    tasks = {document.name: document.task for document in found.values()}
    context = ModelContext(framework_name="onnx", framework_versions={})
    with bentoml.models.create(tag, metadata={"tasks": tasks}, context=context) as stored:
        for folder, document in found.items():
            target = Path(stored.path) / folder.name
            target.mkdir()
            for name in (FILENAME, *(file.path for file in document.files)):
                shutil.copyfile(folder / name, target / name)
    return str(stored.tag)


def _digest(folders: list[Path]) -> str:
    """Of the manifests, which hold the digests of all other files."""
    lines = [f"{folder.name} {manifest.sha256(folder / FILENAME)}" for folder in folders]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
