"""FastAPI on uvicorn as its guide has it; see `reading` for what each endpoint does.

`async def` without threads, because reading an MNIST picture takes less than a millisecond, about
as long as handing it to a thread and back.
"""

from typing import Any

import numpy as np
from fastapi import FastAPI, UploadFile
from pydantic import BaseModel

from tests.benchmarks.peers.reading import Reader

app = FastAPI()
reader = Reader()


class Sequences(BaseModel):
    """n x 28 x 28 numbers in [0, 1]."""

    sequences: list[list[list[float]]]


@app.get("/readyz")
async def ready() -> str:
    return "ready"


@app.post("/predict")
async def predict(image: UploadFile) -> dict[str, Any]:
    return reader.predict_image(await image.read())


@app.post("/predict_plainly")
async def predict_plainly(image: UploadFile) -> dict[str, Any]:
    return reader.predict_plainly(await image.read())


@app.post("/predict_sequences")
async def predict_sequences(body: Sequences) -> list[dict[str, Any]]:
    return reader.predict_sequences(np.array(body.sequences, np.float32))
