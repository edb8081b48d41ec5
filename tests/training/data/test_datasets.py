"""Data sets: fixed stratified splits, MNIST's form, and clear words when MNIST cannot be had."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.datasets import MNIST

from tests.support.training import permissions
from training.data import mnist
from training.data.datasets import as_rows, hold_out, shuffled
from training.data.loading import load
from training.data.sklearn_digits import to_mnist
from training.errors import DataError


def centres_of_mass(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and column, (n,) each, of each image's centre of mass."""
    ink = images.double()
    mass = ink.sum((1, 2))
    indices = torch.arange(28, dtype=torch.float64)
    return (ink.sum(2) @ indices) / mass, (ink.sum(1) @ indices) / mass


def test_hold_out_takes_the_same_share_of_every_class() -> None:
    labels = torch.tensor([0] * 600 + [1] * 300 + [2] * 100)
    held = hold_out(labels, 100)
    assert torch.bincount(labels[held]).tolist() == [60, 30, 10]


def test_hold_out_gives_exactly_the_count_when_shares_do_not_divide() -> None:
    labels = torch.tensor([0] * 7 + [1] * 11 + [2] * 13)
    assert [int(hold_out(labels, count).sum()) for count in range(32)] == list(range(32))


def test_hold_out_is_spread_over_the_file() -> None:
    held = hold_out(torch.zeros(1000, dtype=torch.int64), 10).nonzero().flatten()
    assert held.tolist() == list(range(50, 1000, 100))


def test_digits_come_in_the_form_of_mnist() -> None:
    data = load("digits")
    assert (len(data.train), len(data.validation), len(data.test)) == (1257, 180, 360)
    for split in (data.train, data.validation, data.test):
        assert split.images.dtype == torch.uint8
        assert split.images.shape[1:] == (28, 28)
        assert torch.bincount(split.labels).tolist() == pytest.approx(
            [len(split) / 10] * 10, rel=0.1
        )
    rows, columns = centres_of_mass(data.train.images)
    for centres in (rows, columns):
        assert centres.mean() == pytest.approx(14, abs=0.02)
        assert (centres - 14).abs().max() <= 0.5


@pytest.mark.mnist
def test_mnist_s_own_digits_are_centred_there(mnist_root: Path) -> None:
    for centres in centres_of_mass(load("mnist", mnist_root).test.images):
        assert centres.mean() == pytest.approx(14, abs=0.02)
        assert (centres - 14).abs().max() <= 0.5 + 1e-6


@pytest.mark.parametrize("shape", [(8, 3), (3, 8), (1, 1), (8, 8)])
def test_a_digit_is_fitted_to_20_pixels_with_its_aspect(shape: tuple[int, int]) -> None:
    image = to_mnist(np.pad(np.ones(shape), 2))
    rows, columns = np.nonzero(image)
    height, width = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
    assert max(height, width) == 20
    assert (height, width) == (round(20 * shape[0] / max(shape)), round(20 * shape[1] / max(shape)))


def test_an_empty_picture_is_no_digit() -> None:
    with pytest.raises(ValueError, match="no ink"):
        to_mnist(np.zeros((8, 8)))


def test_rows_are_pixels_as_fractions() -> None:
    rows = as_rows(torch.tensor([0, 51, 255], dtype=torch.uint8))
    assert rows.dtype == torch.float32
    assert rows.tolist() == pytest.approx([0.0, 0.2, 1.0])


def test_a_shuffled_epoch_reads_every_image_once() -> None:
    batches = list(shuffled(10, 4, torch.Generator().manual_seed(0)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(torch.cat(batches).tolist()) == list(range(10))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send torchvision's download to a port of this machine where nobody listens."""
    monkeypatch.setattr(MNIST, "mirrors", ["http://127.0.0.1:9/"])


@pytest.mark.usefixtures("no_network")
def test_without_files_and_network_the_error_names_folder_files_and_alternative(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError) as caught:
        load("mnist", tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "MNIST" / "raw") in message
    for name in mnist.DIGESTS:
        assert name in message
    assert "--dataset digits" in message
    assert "MNIST_ROOT" in message


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", ["there", "new"])
def test_a_download_that_fails_leaves_no_folders_behind(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError):
        load("mnist", tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


@pytest.mark.mnist
def test_only_the_files_that_are_missing_are_put_there(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(mnist.DIGESTS)
    raw = mnist.raw_folder(tmp_path)
    raw.mkdir(parents=True)
    (raw / names[0]).symlink_to((mnist.raw_folder(mnist_root) / names[0]).resolve())

    def download(dataset: MNIST) -> None:
        shutil.copytree(mnist.raw_folder(mnist_root), dataset.raw_folder)

    monkeypatch.setattr(MNIST, "download", download)
    assert len(load("mnist", tmp_path).test) == 10_000
    assert sorted(path.name for path in raw.iterdir()) == sorted(names)
    assert (raw / names[0]).is_symlink()


@pytest.mark.usefixtures("no_network")
def test_files_that_may_not_be_read_are_not_called_damaged(tmp_path: Path) -> None:
    raw = mnist.raw_folder(tmp_path)
    raw.mkdir(parents=True)
    for name in mnist.DIGESTS:
        (raw / name).touch(mode=0)
    with permissions.enforced(), pytest.raises(DataError, match=r"cannot be read \(Permission"):
        load("mnist", tmp_path)


@pytest.mark.usefixtures("no_network")
def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="could not be downloaded"):
        load("mnist", tmp_path / "file")


@pytest.mark.usefixtures("no_network")
def test_damaged_files_are_named_with_both_digests(tmp_path: Path) -> None:
    raw = mnist.raw_folder(tmp_path)
    raw.mkdir(parents=True)
    for name in mnist.DIGESTS:
        (raw / name).write_bytes(b"not MNIST")
    with pytest.raises(
        DataError, match=r"train-images-idx3-ubyte is damaged: its SHA-256 is .*ba89"
    ):
        load("mnist", tmp_path)


@pytest.mark.parametrize(("value", "root"), [("elsewhere", "elsewhere"), ("", "data")])
def test_the_root_is_mnist_root_else_data(
    monkeypatch: pytest.MonkeyPatch, value: str, root: str
) -> None:
    monkeypatch.setenv("MNIST_ROOT", value)
    assert mnist.default_root() == Path(root)


@pytest.mark.mnist
@pytest.mark.usefixtures("no_network")
def test_real_mnist_is_split_55_5_10_thousand_without_the_network(mnist_root: Path) -> None:
    data = load("mnist", mnist_root)
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5_000, 10_000)
    known = torch.bincount(data.train.labels) + torch.bincount(data.validation.labels)
    share = torch.bincount(data.validation.labels) / known
    assert share.tolist() == pytest.approx([1 / 12] * 10, abs=1e-3)
    assert data.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
