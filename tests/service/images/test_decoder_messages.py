"""Nothing of what a picture holds reaches standard error, where the log goes."""

import subprocess
import sys

from tests.support.project import ROOT

DECODE_ALL = """
import logging, warnings
from service.errors import ApiError
from service.images.decode import decode
from tests.support.pictures.broken_images.corpus import broken
from tests.support.pictures.sound_images import whole

logging.basicConfig()
warnings.simplefilter("ignore")  # as the service does
for data in [*broken().values(), *whole().values()]:
    try:
        decode(data, 4_000_000)
    except ApiError:
        pass
"""


def test_decoding_says_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", DECODE_ALL], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert (ran.stdout, ran.stderr) == ("", "")
