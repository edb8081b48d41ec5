"""LitServe: `PORT=... python -m tests.benchmarks.peers.litserve_app`, what `reading` says.

Two processes run the model and two take requests; its quick queue (ZeroMQ) hands them over. Form
files cannot pass between processes, so their bytes do.
"""

import os
from typing import Any

import litserve
import numpy as np
from fastapi import Request

from tests.benchmarks.peers.reading import Reader


class Reading(litserve.LitAPI):
    """One digit in an image."""

    def setup(self, device: str) -> None:
        self.reader = Reader()

    def decode_request(self, request: Request) -> bytes:
        # What LitServe hands over is the form, or the JSON, of the request that it annotates.
        form: Any = request
        data: bytes = form["image"].file.read()
        return data

    def predict(self, x: bytes) -> dict[str, Any]:
        return self.reader.predict_image(x)


class Sequences(litserve.LitAPI):
    """Digits given as numbers."""

    def setup(self, device: str) -> None:
        self.reader = Reader()

    def decode_request(self, request: Request) -> Any:
        body: Any = request
        return np.array(body["sequences"], np.float32)

    def predict(self, x: Any) -> list[dict[str, Any]]:
        return self.reader.predict_sequences(x)


if __name__ == "__main__":
    server = litserve.LitServer(
        [Reading(api_path="/predict"), Sequences(api_path="/predict_sequences")],
        accelerator="cpu",
        workers_per_device=int(os.environ["WORKERS"]),
        healthcheck_path="/readyz",
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=int(os.environ["WORKERS"]),
        generate_client_file=False,
        log_level="warning",
    )
