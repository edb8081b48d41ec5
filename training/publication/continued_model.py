"""A published model that has learned from new pictures, if it is better for it."""

import hashlib
from pathlib import Path

import torch

import models
from models.manifest import FILENAME, Manifest
from training.data.datasets import DataSet, Split
from training.data.more import count_by_digit, mix
from training.data.pictures import Pictures
from training.errors import PublishedModelError
from training.publication.trained_model import TrainedModel, of_classifier
from training.recipes.shipped import Recipe, continued
from training.runs import checkpoint, run_folder
from training.runs.published import read_published
from training.trainers.trainer import evaluate

CPU = torch.device("cpu")


def find_published(name: str, models_dir: Path) -> Path:
    """The folder of the model that training goes on from: in `models_dir`, or the one that ships.

    Raises:
        PublishedModelError: there is neither.

    """
    for folder in (models_dir / name, Path(models.__file__).parent / name):
        if (folder / FILENAME).exists():
            return folder
    raise PublishedModelError(
        f"{models_dir / name} is not published, so training cannot go on from it; publish it first "
        "by the same command without --more"
    )


def from_published(
    published: Path,
    pictures: Pictures,
    data: DataSet,
    device: torch.device,
    runs_dir: Path,
    *,
    allowed_loss: float,
) -> TrainedModel | None:
    """The model in `published`, trained on with `pictures`; None if it has learned from them.

    Args:
        published: the folder of a classifier.
        pictures: a fifth of them is held out.
        data: what the model had learned from, which is mixed in.
        device: to train on.
        runs_dir: where the run is kept, and resumed if it was stopped.
        allowed_loss: how much of the accuracy on the test images of `data` may be lost, in [0, 1].

    Raises:
        PublishedModelError: it reads no more of the pictures that are held out, or too few of the
            test images; or the published model is none that training can go on from.
        ManifestError: the published model is damaged.
        TrainingError: as `from_recipe` does.

    """
    manifest, before = read_published(published)
    if manifest.provenance.get("learned_from", {}).get("digest") == pictures.digest:
        print(f"{published} has learned from these pictures already")
        return None
    recipe = Recipe.from_dict(dict(manifest.recipe))
    start = manifest.file("onnx").sha256
    mixed = mix(data, pictures, start)
    key = hashlib.sha256(f"{start} {pictures.digest}".encode()).hexdigest()[:8]
    folder = runs_dir / f"{manifest.name}-more-{key}"
    finished = run_folder.finish(folder, continued(recipe), mixed.data, device, before)
    after = checkpoint.best_network(folder, finished)

    def score(split: Split) -> tuple[float, float]:
        on_cpu = split.to(CPU)
        return evaluate(before, on_cpu).accuracy, evaluate(after, on_cpu).accuracy

    held, test = score(mixed.held_out), score(data.test)
    n = len(mixed.held_out)
    print(
        f"{manifest.name}: of {n} new pictures that were held out it reads "
        f"{round(held[1] * n)} right, before {round(held[0] * n)}; of {data.name}'s "
        f"{len(data.test):,} test images {test[1]:.2%}, before {test[0]:.2%}"
    )
    check_better(held, test, n, allowed_loss, data.name)
    return of_classifier(
        manifest.name,
        after,
        finished,
        data,
        learned_from={
            "digest": pictures.digest,
            "pictures": count_by_digit(mixed.learned),
            "held_out": count_by_digit(mixed.held_out),
            "held_out_accuracy": {"before": held[0], "after": held[1]},
            "test_accuracy": {"before": test[0], "after": test[1]},
        },
        started_from=_origin(manifest),
    )


def check_better(
    held: tuple[float, float], test: tuple[float, float], n: int, allowed: float, dataset: str
) -> None:
    """Refuse a model that is no better than before.

    Args:
        held: its accuracy before and after on the `n` new pictures that were held out.
        test: likewise on the test images of `dataset`.
        n: of `held`.
        allowed: how much of `test` may be lost.
        dataset: its name.

    Raises:
        PublishedModelError: it is no better; the message says by how much.

    """
    if held[1] <= held[0]:
        raise PublishedModelError(
            f"it reads {round(held[1] * n)} of {n} new pictures right that were held out, the "
            f"published model {round(held[0] * n)}: no more; add pictures of the kind that is "
            "misread"
        )
    # Of accuracies that are fractions of the same number, a difference is exact but for rounding.
    if test[0] - test[1] > allowed + 1e-9:
        raise PublishedModelError(
            f"on {dataset} it loses {100 * (test[0] - test[1]):.2f} points of accuracy, at most "
            f"{100 * allowed:g} are allowed; look whether the pictures lie in the right folders, "
            "add more of other digits, or allow more with --allowed-loss"
        )


def _origin(manifest: Manifest) -> dict[str, object]:
    """What the manifest says of the model that training went on from, which may itself say so."""
    return {
        "sha256": manifest.file("onnx").sha256,
        "recipe": manifest.recipe,
        "provenance": manifest.provenance,
    }
