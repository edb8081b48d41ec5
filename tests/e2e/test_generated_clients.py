"""Clients that generators make of `/docs.json` upload and infer, in Python and in TypeScript."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.support.published import picture
from tests.support.servers.refused import png
from tests.support.servers.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

# As they were seen to work, for npm has no constraints.txt.
TYPESCRIPT = ["openapi-typescript-codegen@0.31.0", "typescript@5.9.3"]
ROWS = np.stack([picture(d) for d in (3, 7)]).astype(np.float32) / np.float32(255)

PYTHON_PROGRAM = """
import io, json, sys
from generated.api.open_inference_protocol import v2_infer
from generated.api.predictions import predict, predict_batch, predict_sequences
from generated.client import Client
from generated.models import (
    ClassifierName, InferenceRequest, ModelName, PredictBatchBody, PredictBody,
    PredictSequencesBody, RequestInput,
)
from generated.types import File

url, image, rows = sys.argv[1], open(sys.argv[2], "rb").read(), json.load(open(sys.argv[3]))
client = Client(url, raise_on_unexpected_status=True)

def file():
    return File(io.BytesIO(image), "digit.png", "image/png")

one = predict.sync(client=client, body=PredictBody(file(), model=ClassifierName.LSTM, preview=True))
several = predict_batch.sync(client=client, body=PredictBatchBody([file(), file()]))
numbers = predict_sequences.sync(client=client, body=PredictSequencesBody(rows))
tensor = RequestInput("rows", [2, 28, 28], "FP32", data=rows)
answer = v2_infer.sync(ModelName.LSTM, client=client, body=InferenceRequest([tensor], id="a7"))
print(json.dumps({
    "predict": one.digit,
    "preview": bool(one.preview),
    "predict_batch": [each.digit for each in several],
    "predict_sequences": [each.digit for each in numbers],
    "infer": [answer.model_name, answer.id, answer.outputs[0].shape, answer.outputs[0].data],
}))
"""

TYPESCRIPT_PROGRAM = """
import {
  ClassifierName, ModelName, OpenAPI, OpenInferenceProtocolService, Prediction, PredictionsService,
} from "./generated";

declare const process: { argv: string[] };
declare function require(name: string): any;
const { readFileSync } = require("node:fs");
const [url, image, rows] = process.argv.slice(2);
OpenAPI.BASE = url;

async function main() {
  const file = new Blob([readFileSync(image)]);
  const sequences = JSON.parse(readFileSync(rows, "utf8"));
  const form = { image: file, model: ClassifierName.LSTM, preview: true };
  const one = await PredictionsService.predict(form);
  const several = await PredictionsService.predictBatch({ images: [file, file] });
  const numbers = await PredictionsService.predictSequences({ sequences });
  const tensor = { name: "rows", shape: [2, 28, 28], datatype: "FP32", data: sequences };
  const request = { inputs: [tensor], id: "a7" };
  const answer = await OpenInferenceProtocolService.v2Infer(ModelName.LSTM, request);
  const [output] = answer.outputs;
  console.log(JSON.stringify({
    predict: one.digit,
    preview: Boolean(one.preview),
    predict_batch: several.map((each) => (each as Prediction).digit),
    predict_sequences: numbers.map((each) => each.digit),
    infer: [answer.model_name, answer.id, output.shape, output.data],
  }));
}
main();
"""


def run(command: Sequence[object], folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(server: Server, tmp_path: Path) -> Path:
    """A folder with the server's document, an image of a 7, and the rows of a 3 and a 7."""
    document = httpx.get(f"{server.url}/docs.json", timeout=30)
    (tmp_path / "docs.json").write_bytes(document.content)
    (tmp_path / "digit.png").write_bytes(png(picture(7)))
    (tmp_path / "rows.json").write_text(json.dumps(ROWS.tolist()))
    return tmp_path


def check(answers: dict[str, Any]) -> None:
    name, request, shape, logits = answers.pop("infer")
    assert (name, request, shape) == ("lstm", "a7", [2, 10])
    assert np.reshape(logits, shape).argmax(axis=1).tolist() == [3, 7]
    assert answers == {
        "predict": 7, "preview": True, "predict_batch": [7, 7], "predict_sequences": [3, 7],
    }  # fmt: skip


def test_openapi_python_client(server: Server, folder: Path) -> None:
    (folder / "settings.yaml").write_text("post_hooks: []")  # they would format what it makes
    generator = [Path(sys.executable).parent / "openapi-python-client", "generate"]
    options = ["--meta", "none", "--config", "settings.yaml", "--fail-on-warning"]
    run([*generator, "--path", "docs.json", "--output-path", "generated", *options], folder)
    program = [sys.executable, "-c", PYTHON_PROGRAM, server.url, "digit.png", "rows.json"]
    check(json.loads(run(program, folder, PYTHONPATH=str(folder))))


def test_openapi_typescript_codegen(server: Server, folder: Path) -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed, which run what the generator makes")
    install = ["npm", "install", "--no-audit", "--no-fund", *TYPESCRIPT]
    done = subprocess.run(
        install, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        pytest.skip(f"npm cannot install {', '.join(TYPESCRIPT)}: {done.stderr[-300:]}")
    bin_ = folder / "node_modules" / ".bin"
    run([bin_ / "openapi", "--input", "docs.json", "--output", "generated"], folder)
    (folder / "main.ts").write_text(TYPESCRIPT_PROGRAM)
    types = ["--strict", "--target", "es2022", "--module", "commonjs", "--lib", "es2022,dom"]
    run([bin_ / "tsc", "main.ts", *types, "--outDir", "built"], folder)
    check(json.loads(run(["node", "built/main.js", server.url, "digit.png", "rows.json"], folder)))
