"""Published classifiers as networks again: to go on from, or to learn from."""

from pathlib import Path

from torch import nn

import models
from models.manifest import Manifest, ManifestError, read, verify
from training.errors import PublishedModelError
from training.graphs.onnx_weights import read_weights
from training.networks.modules import build
from training.recipes.shipped import Recipe
from training.trainers.teachers import Teachers


def read_published(folder: Path) -> tuple[Manifest, nn.Module]:
    """The manifest and the network, in eval mode on the CPU, of the classifier in `folder`.

    Raises:
        ManifestError: the published model is damaged.
        PublishedModelError: its file was written of another network.
        RecipeError: its recipe is of another version of RowReader.

    """
    manifest = read(folder)
    verify(folder, manifest)
    network = build(Recipe.from_dict(dict(manifest.recipe)).network).eval().requires_grad_(False)
    read_weights(folder / manifest.file("onnx").path, network)
    return manifest, network


def read_teachers(names: tuple[str, ...]) -> Teachers | None:
    """The shipped classifiers `names`, or None if there are no names.

    Raises:
        PublishedModelError: one is missing or damaged.

    """
    networks, digests = {}, {}
    for name in names:
        try:
            manifest, networks[name] = read_published(Path(models.__file__).parent / name)
        except ManifestError as error:
            raise PublishedModelError(
                f"the model {name}, which the recipe names among its teachers, cannot be read "
                f"({error}); `git checkout models` brings back the one that ships"
            ) from error
        digests[name] = manifest.file("onnx").sha256
    return Teachers(networks, digests) if names else None
