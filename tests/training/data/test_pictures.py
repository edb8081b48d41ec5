"""Pictures of any kind are learned from as the service would see them, each once."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.images.read_image import read_image
from tests.support.published import picture
from tests.support.training.samples import digits
from tests.support.training.writer import odd_writer
from training.data.more import count_by_digit, mix
from training.data.pictures import find_files, read_pictures
from training.errors import PicturesError


def write(folder: Path, label: int | str, name: str, content: bytes) -> Path:
    path = folder / str(label) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def drawn(folder: Path, count: int = 12) -> None:
    random = np.random.default_rng(0)
    for number in range(count):
        write(folder, number % 10, f"{number}.png", odd_writer().draw(number % 10, random))


def png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_picture_is_learned_as_the_service_sees_it(tmp_path: Path) -> None:
    drawn(tmp_path)
    files = find_files(tmp_path)
    found = read_pictures(files)
    for path, image, label in zip(files, found.split.images, found.split.labels, strict=True):
        seen = read_image(path.read_bytes(), 10_000_000).rows
        assert np.array_equal(image.numpy(), np.rint(seen * 255).astype(np.uint8))
        assert str(int(label)) == path.parent.name
    assert found.left_out == ()


def test_what_the_service_has_kept_comes_back_unchanged(tmp_path: Path) -> None:
    drawn(tmp_path / "drawn")
    first = read_pictures(find_files(tmp_path / "drawn"))
    for number, (image, label) in enumerate(zip(*vars(first.split).values(), strict=True)):
        write(tmp_path / "kept", int(label), f"{number}.png", png(image.numpy()))
    again = read_pictures(find_files(tmp_path / "kept"))
    assert again.digest == first.digest


def test_what_cannot_be_learned_is_left_out_by_name(tmp_path: Path) -> None:
    drawn(tmp_path)
    one = (tmp_path / "1" / "1.png").read_bytes()
    write(tmp_path, 1, "same.png", one)
    write(tmp_path, 2, "other.png", (tmp_path / "3" / "3.png").read_bytes())
    write(tmp_path, 4, "text.png", b"no picture")
    write(tmp_path, 5, "blank.png", png(np.full((64, 64), 255, np.uint8)))
    write(tmp_path, 6, "notes.txt", b"not looked at")
    write(tmp_path, "none", "cat.png", one)
    found = read_pictures(find_files(tmp_path))
    told = dict(reason.split(": ", 1) for reason in found.left_out)
    assert told["1/same.png"] == "is taken already as 1/1.png"
    assert told["3/3.png"] == "is the same picture as 2/other.png"
    assert told["2/other.png"] == "lies in the folder of another digit, too"
    assert "not a readable" in told["4/text.png"] or "image" in told["4/text.png"]
    assert told["5/blank.png"] == "the service says of it: blank"
    assert len(told) == 5
    assert len(found.split) == 11


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PicturesError, match="holds no pictures in folders 0 to 9"):
        find_files(tmp_path)
    with pytest.raises(PicturesError, match="is no folder"):
        find_files(tmp_path / "none")
    write(tmp_path, 7, "7.png", png(picture(7)))
    with pytest.raises(PicturesError, match="1 of 1 pictures can be learned from, expected 10"):
        read_pictures(find_files(tmp_path))


def test_a_fifth_is_held_out_and_nothing_of_the_test_images_is_learned(tmp_path: Path) -> None:
    drawn(tmp_path, 50)
    pictures = read_pictures(find_files(tmp_path))
    mixed = mix(digits(), pictures, "digest")
    assert len(mixed.held_out) == len(pictures.split) // 5
    assert len(mixed.learned) == len(pictures.split) - len(mixed.held_out)
    assert set(count_by_digit(mixed.held_out).values()) == {1}
    train = {image.numpy().tobytes() for image in mixed.data.train.images}
    assert {image.numpy().tobytes() for image in mixed.learned.images} < train
    for unseen in (mixed.held_out, digits().test):
        assert not {image.numpy().tobytes() for image in unseen.images} & train
    assert mixed.data.test is digits().test
    assert mixed.data.digests["pictures"] == pictures.digest
