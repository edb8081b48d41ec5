"""Pictures with their right answers, out of what the service has kept."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.monitoring.records import Correction, KeptPrediction, Records, decode_pixels

NO_DIGIT: Final = "none"  # the label of a picture that shows no digit

Pixels = NDArray[np.uint8]  # (28, 28), light ink on dark


@dataclass(frozen=True)
class ToldPicture:
    """A picture that the service has read, and what somebody has told that it shows."""

    name: str  # of its file, without the suffix; different for different pictures
    label: str  # "0" to "9", or `NO_DIGIT`
    pixels: Pixels
    prediction: KeptPrediction


@dataclass
class Collection:
    """The pictures that can be learned from, in the order of their times, and notes on others."""

    pictures: list[ToldPicture] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # told otherwise later; the last word counts
    without_picture: list[str] = field(default_factory=list)

    @property
    def notes(self) -> dict[str, list[str]]:
        """What is to be looked at, by what it is."""
        found = {
            "contradictions, left out": self.contradictions,
            "duplicates, left out": self.duplicates,
            "told twice, the last word counts": self.changed,
            "no picture was kept": self.without_picture,
        }
        return {title: names for title, names in found.items() if names}


def collect(records: Records) -> Collection:
    """The pictures whose right answers were told, each once."""
    collection = Collection()
    by_pixels: dict[bytes, list[ToldPicture]] = defaultdict(list)
    for prediction, told in _join(records):
        name = f"{_compact(prediction.time)}-{prediction.request_id}-{prediction.index}"
        labels = [_label(correction) for correction in told]
        if len(set(labels)) > 1:
            collection.changed.append(f"{name}: {', then '.join(labels)}")
        if prediction.pixels is None:
            collection.without_picture.append(name)
            continue
        try:
            pixels = decode_pixels(prediction.pixels)
        except ValueError:
            collection.without_picture.append(name)
            continue
        by_pixels[pixels.tobytes()].append(ToldPicture(name, labels[-1], pixels, prediction))
    for same in by_pixels.values():
        first, *others = same
        if len({picture.label for picture in same}) > 1:
            told_as = "; ".join(f"{picture.name} as {picture.label}" for picture in same)
            collection.contradictions.append(f"the same picture was told {told_as}")
            continue
        collection.pictures.append(first)
        collection.duplicates += [f"{other.name} is {first.name}" for other in others]
    return collection


def _join(records: Records) -> Iterable[tuple[KeptPrediction, Sequence[Correction]]]:
    """Each prediction that was corrected, with its corrections, in the order of their times."""
    made: dict[tuple[str, int], list[KeptPrediction]] = defaultdict(list)
    for prediction in records.predictions:
        made[prediction.request_id, prediction.index].append(prediction)
    told: dict[tuple[str, str, int], list[Correction]] = defaultdict(list)
    for correction in records.corrections:
        place = (correction.request_id, correction.index)
        # A client may have given the same id to a later request, which is not what was meant.
        before = [each for each in made[place] if each.time <= correction.time]
        if before:
            told[before[-1].time, *place].append(correction)
    for prediction in records.predictions:
        found = told.get((prediction.time, prediction.request_id, prediction.index))
        if found:
            yield prediction, found


def _label(correction: Correction) -> str:
    return NO_DIGIT if correction.told is None else str(correction.told)


def _compact(time: str) -> str:
    """A time of ISO 8601 for a file's name: its digits, to the second."""
    return "".join(character for character in time[:19] if character.isdigit())
