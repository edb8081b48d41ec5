"""MLServer's runtime for the shipped LSTM, in an environment of its own (`mlserver.txt`).

Raw tensors in and out, as `/v2` of the service has them. MLServer reads and writes them as JSON (by
orjson): its REST interface does not know the binary extension. It checks neither range nor shape.
"""

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

import models
from models.manifest import read
from service.inference.onnx_backend import OnnxBackend


class Runtime(MLModel):
    """The same backend as in the service."""

    async def load(self) -> bool:
        folder = Path(models.__file__).parent / "lstm"
        self.backend = OnnxBackend(folder, read(folder), device="cpu", threads=1)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        outputs = self.backend.run({"rows": rows})
        encoded = [NumpyCodec.encode_output(name, value) for name, value in outputs.items()]
        return InferenceResponse(model_name=self.name, outputs=encoded)
