"""What KServe's own client gets from a server: `python kserve_client.py URL < rows.json`.

It runs in an environment of its own, made by `make test-all`, for KServe takes older libraries than
the service (protobuf below 7, psutil below 6). So it knows nothing of RowReader: rows come in by
the standard input, and what the server answered goes out as JSON.
"""

import asyncio
import json
import sys
from typing import Any

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput


def tensor(name: str, values: Any, *, binary: bool) -> InferInput:
    sent = InferInput(name, list(values.shape), "FP32")
    sent.set_data_from_numpy(values, binary_data=binary)
    return sent


async def infer(client: Any, url: str, model: str, *, binary: bool, **inputs: Any) -> Any:
    """The answer to named arrays, asked for in the same form."""
    request = InferRequest(
        model,
        [tensor(name, values, binary=binary) for name, values in inputs.items()],
        request_id="a7",
        parameters={"binary_data_output": binary},
    )
    return await client.infer(url, request, model_name=model)


async def rollout(client: Any, url: str, rows: Any, *, binary: bool) -> list[float]:
    """The state of `stateful` after three calls, each fed with what the last one gave."""
    total = np.zeros(len(rows), np.float32)
    for _ in range(3):
        answer = await infer(client, url, "stateful", binary=binary, rows=rows, total=total)
        total = answer.outputs[0].as_numpy().copy()
    return [float(value) for value in total]


async def chosen(client: Any, url: str, rows: Any) -> list[str]:
    """The names of the outputs when one is asked for."""
    inputs = [tensor("rows", rows, binary=False)]
    request = InferRequest("lstm", inputs, request_outputs=[RequestedOutput("logits")])
    answer = await client.infer(url, request, model_name="lstm")
    return [output.name for output in answer.outputs]


async def refusal(client: Any, url: str, model: str, rows: Any) -> list[Any]:
    """Status and message of a request that fails."""
    try:
        await infer(client, url, model, binary=True, rows=rows)
    except httpx.HTTPStatusError as error:
        return [error.response.status_code, str(error)]
    return [200, ""]


async def ask(url: str, rows: Any) -> dict[str, Any]:
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        answers = [
            await infer(client, url, model, binary=binary, rows=rows)
            for model in ("lstm", "gru")
            for binary in (True, False)
        ]
        return {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "models": [await client.is_model_ready(url, name) for name in ("lstm", "vit")],
            "ids": [answer.id for answer in answers],
            "digits": [a.outputs[0].as_numpy().argmax(axis=1).tolist() for a in answers],
            "totals": [await rollout(client, url, rows, binary=b) for b in (True, False)],
            "chosen": await chosen(client, url, rows),
            "unknown": await refusal(client, url, "vit", rows),
            "outside": await refusal(client, url, "lstm", rows * 255),
        }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(ask(sys.argv[1], np.array(json.load(sys.stdin), np.float32)))))
