"""The progress bar of a training run."""

import sys
from typing import Any, NoReturn

from tqdm import tqdm

# For a total whose units nobody knows, such as seconds of work by an estimate.
BY_SHARE = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


def progress_bar(total: float, title: str, **options: Any) -> "tqdm[NoReturn]":
    """A bar of `total` units; `options` are tqdm's."""
    return tqdm(
        total=total,
        desc=title,
        # A log keeps every state of the bar, so it gets one in half a minute.
        mininterval=0.5 if sys.stderr.isatty() else 30.0,
        dynamic_ncols=True,
        **options,
    )
