"""The drawing of a photo's way through the service is the way that it takes."""

import io
from pathlib import Path

from PIL import Image

from tests.support.project import ROOT
from tests.support.servers.request_path import STEPS, follow


def test_a_photo_takes_the_steps_that_are_drawn_in_their_order(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.open(ROOT / "docs" / "seven.png").convert("RGB").resize((300, 300)).save(file, "JPEG")
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(file.getvalue())
    met = follow(photo, tmp_path)
    assert [place for place in met if place in STEPS] == list(STEPS)
    assert len(STEPS) <= 15
    rooms = {step.split("/")[1] for step in STEPS}
    missed = {place for place in met if place.count("/") > 1 and place.split("/")[1] not in rooms}
    assert not missed, "no room that a photo comes to is left out"
