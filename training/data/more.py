"""New pictures mixed with a data set, so that what was learned of it is not forgotten."""

from dataclasses import dataclass, replace

import torch

from training.data.datasets import DataSet, Split, hold_out
from training.data.pictures import Pictures

HELD_OUT = 5  # one of so many new pictures is held out
# Images of the data set in an epoch: at least so many, and so many for each new picture, repeated
# or not. More: training takes longer, and learns the new ones more slowly; fewer: less is left of
# what was known.
_LEAST, _FOR_EACH = 30_000, 6


@dataclass(frozen=True)
class MixedData:
    """A data set to train on, and the new pictures that are held out of it to judge by."""

    data: DataSet
    learned: Split  # the new pictures that are in it, each once
    held_out: Split


def mix(data: DataSet, pictures: Pictures, start: str) -> MixedData:
    """Mix four fifths of `pictures` with images of `data`; the others are held out.

    Training images are a part of the data set's own, evenly over the digits, and a sixth as
    many new ones, repeated if they are fewer. The epoch is chosen by the data set's validation
    images and those that are learned, so that neither is given up for the other; those that are
    held out choose nothing.

    Args:
        data: the data set that was learned before.
        pictures: the new ones.
        start: digest of the model that training goes on from.

    """
    new = pictures.split
    held = hold_out(new.labels, len(new) // HELD_OUT)
    learned, held_out = (new.take(mask.nonzero().flatten()) for mask in (~held, held))
    own = data.train
    count = min(len(own), max(_LEAST, _FOR_EACH * len(learned)))
    own = own.take(hold_out(own.labels.cpu(), count).nonzero().flatten().to(own.labels.device))
    times = max(1, round(count / _FOR_EACH / len(learned)))
    repeated = Split(learned.images.repeat(times, 1, 1), learned.labels.repeat(times))
    mixed = replace(
        data,
        train=own.join(repeated),
        validation=data.validation.join(learned),
        digests={**data.digests, "pictures": pictures.digest, "start": start},
    )
    return MixedData(mixed, learned, held_out)


def count_by_digit(split: Split) -> dict[str, int]:
    """How many pictures of each digit there are."""
    counts = torch.bincount(split.labels, minlength=10).tolist()
    return {str(digit): count for digit, count in enumerate(counts) if count}
