"""The way of one photo through the service, followed step by step, for docs/design.md."""

import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT
from tests.support.servers.server import environment

# Where the photo is, and what happens to it there; in order.
STEPS = {
    "service/http/gateway.py Gateway.__call__": "reads the head once, checks key, path "
    "and method, makes room, bounds body and time",
    "service/http/endpoints.py Endpoints.__call__": "within BentoML's metrics, asks the endpoint",
    "service/app.py predict": "the endpoint",
    "service/uploads/form.py read_form": "which fields the form may have",
    "service/uploads/multipart_form.py read_fields": "the fields, as the body comes",
    "service/predictor.py Predictor.predict": "what is done here, and what is handed on",
    "service/execution/parser_pool.py ParserPool.run": "finds a process that parses",
    "service/images/read_image.py read_image": "in that process: from bytes to rows",
    "service/images/decode.py decode": "the pixels",
    "service/images/normalising/normalise.py normalise": "the digit in them, as MNIST has it",
    "service/inference/classifier.py Classifier.prepare": "what to run, and what it will mean",
    "service/execution/scheduler.py Scheduler.infer": "on the event loop, or on a thread",
    "service/execution/batcher.py Batcher.add": "with others that came at the same moment",
    "service/inference/onnx_backend.py OnnxBackend.run": "the model",
    "service/http/answer.py Answer.send": "sends the answer, with the request's id",
}

# A photo is posted to the whole application, and read once more in this process, since what parses
# it is another one.
_FOLLOW = """
import sys, threading, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from starlette.testclient import TestClient
from service.app import RowReader
from service.images.read_image import read_image

root, met = str(Path.cwd() / "service"), []

def note(frame, event, argument):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(root):
        met.append(f"service{code.co_filename[len(root):]} {code.co_qualname}")

threading.setprofile(note)
with TestClient(RowReader.to_asgi()) as client:
    photo = Path(sys.argv[1]).read_bytes()
    client.post("/predict", files={"image": photo})  # once, so that all is imported
    del met[:]
    assert client.post("/predict", files={"image": photo}).json()["digit"] == 7
posted = list(dict.fromkeys(met))
del met[:]
sys.setprofile(note)
read_image(photo, 10**6)
sys.setprofile(None)
at = posted.index("service/execution/parser_pool.py ParserPool.run") + 1
print(*posted[:at], *dict.fromkeys(met), *posted[at:], sep="\\n")
"""


def follow(photo: Path, home: Path) -> list[str]:
    """The places in the service that `photo` comes to, in order; BentoML's files go to `home`."""
    run = subprocess.run(
        [sys.executable, "-c", _FOLLOW, str(photo)],
        cwd=ROOT,
        env=environment(home, {"DEVICE": "cpu"}, as_shipped=True),
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.splitlines()


def drawing() -> str:
    """The steps as a numbered list."""
    lines = []
    for number, (place, words) in enumerate(STEPS.items(), start=1):
        file, name = place.split()
        lines.append(f"{number}. `{file}`, `{name}`: {words}")
    return "\n".join(lines)
