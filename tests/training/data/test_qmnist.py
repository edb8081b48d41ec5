"""QMNIST: its further test digits, and clear words when it cannot be had."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.datasets import QMNIST

from training.data.loading import load
from training.errors import DataError


def write_idx(path: Path, values: NDArray[np.generic]) -> None:
    """Write an IDX file: its type, its sizes, and the numbers with the highest byte first."""
    kind = {"uint8": 0x08, "int32": 0x0C}[values.dtype.name]
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape)
    path.write_bytes(head + values.astype(values.dtype.newbyteorder(">")).tobytes())


def write_qmnist(root: Path, train: int, test: int) -> None:
    """Pictures whose every pixel is their label, and labels with the writer's number beside."""
    raw = root / "QMNIST" / "raw"
    raw.mkdir(parents=True)
    for split, count in (("train", train), ("test", test)):
        labels = np.zeros((count, 8), np.int32)
        labels[:, 0], labels[:, 2] = np.arange(count) % 10, 77
        images = np.broadcast_to(labels[:, :1, None], (count, 28, 28)).astype(np.uint8)
        write_idx(raw / f"qmnist-{split}-images-idx3-ubyte", images)
        write_idx(raw / f"qmnist-{split}-labels-idx2-int", labels)


def test_it_is_trained_on_as_mnist_is_and_tested_on_what_mnist_left_out(tmp_path: Path) -> None:
    write_qmnist(tmp_path, train=5_100, test=10_030)
    data = load("qmnist", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (100, 5_000, 30)
    for split in (data.train, data.validation, data.test):
        assert torch.equal(split.images[:, 3, 5].long(), split.labels)
    assert len(data.digests) == 4


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send torchvision's download to a port of this machine where nobody listens."""
    here = {
        split: [("http://127.0.0.1:9/" + url.rpartition("/")[2], md5) for url, md5 in files]
        for split, files in QMNIST.resources.items()
    }
    monkeypatch.setattr(QMNIST, "resources", here)


def test_a_file_that_is_cut_off_is_said_with_its_folder(tmp_path: Path) -> None:
    write_qmnist(tmp_path, train=5_100, test=10_030)
    path = tmp_path / "QMNIST" / "raw" / "qmnist-test-labels-idx2-int"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="QMNIST cannot be read from") as caught:
        load("qmnist", tmp_path)
    assert str(path.parent) in str(caught.value)
    assert path.name in str(caught.value)


def test_without_files_and_network_the_error_names_folder_and_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        load("qmnist", tmp_path / "new")
    assert "qmnist-train-images-idx3-ubyte" in str(caught.value)
    assert "--data-dir" in str(caught.value)
    assert not (tmp_path / "new").exists()
