"""The Open Inference Protocol by NVIDIA's Triton clients, synchronous and asynchronous."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient import http as triton
from tritonclient.http import aio
from tritonclient.utils import InferenceServerException

from tests.support.published import picture
from tests.support.servers.server import Server
from tests.support.servers.triton import sent, wanted

pytestmark = pytest.mark.e2e

ROWS = np.stack([picture(d) for d in (3, 7)]).astype(np.float32) / np.float32(255)


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    client = triton.InferenceServerClient(server.url.removeprefix("http://"))
    yield client
    client.close()


class TestTritonClient:
    def test_server(self, client: Any) -> None:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.get_server_metadata() == {
            "name": "rowreader",
            "version": "1",
            "extensions": ["binary_tensor_data"],
        }

    def test_models(self, client: Any) -> None:
        assert client.is_model_ready("lstm")
        assert client.is_model_ready("stateful", "1")
        assert not client.is_model_ready("vit")
        assert not client.is_model_ready("lstm", "2")
        for version in ("", "1"):
            assert client.get_model_metadata("stateful", version) == {
                "name": "stateful",
                "versions": ["1"],
                "platform": "onnxruntime_onnx",
                "inputs": [
                    {"name": "rows", "datatype": "FP32", "shape": [-1, 28, 28]},
                    {"name": "total", "datatype": "FP32", "shape": [-1]},
                ],
                "outputs": [{"name": "next_total", "datatype": "FP32", "shape": [-1]}],
            }

    @pytest.mark.parametrize("binary_in", [True, False])
    @pytest.mark.parametrize("binary_out", [True, False])
    @pytest.mark.parametrize("version", ["", "1"])
    def test_infer(self, client: Any, binary_in: bool, binary_out: bool, version: str) -> None:
        result = client.infer(
            "lstm",
            [sent("rows", ROWS, binary=binary_in)],
            outputs=[wanted("logits", binary=binary_out)],
            request_id="a7",
            model_version=version,
            timeout=1000,
            priority=1,
        )
        logits = result.as_numpy("logits")
        assert (logits.shape, logits.dtype) == ((2, 10), np.float32)
        assert logits.argmax(axis=1).tolist() == [3, 7]
        answer = result.get_response()
        assert (answer["id"], answer["model_name"], answer["model_version"]) == ("a7", "lstm", "1")
        assert ("data" in result.get_output("logits")) == (not binary_out)

    def test_without_named_outputs_all_come_as_bytes(self, client: Any) -> None:
        result = client.infer("gru", [sent("rows", ROWS)])
        assert result.as_numpy("logits").argmax(axis=1).tolist() == [4, 8]
        assert result.get_output("logits")["parameters"] == {"binary_data_size": 80}

    @pytest.mark.parametrize("binary", [True, False])
    def test_state_that_comes_out_goes_in_again(self, client: Any, binary: bool) -> None:
        total = np.zeros(2, np.float32)
        for step in range(1, 4):
            inputs = [sent("total", total, binary=binary), sent("rows", ROWS, binary=not binary)]
            total = client.infer("stateful", inputs).as_numpy("next_total")
            np.testing.assert_allclose(total, step * ROWS.sum(axis=(1, 2)), rtol=1e-6, atol=0)

    def test_what_was_asked_for_at_once_is_answered_apart(self, client: Any) -> None:
        pending = [client.async_infer("lstm", [sent("rows", ROWS[i : i + 1])]) for i in (0, 1)]
        digits = [request.get_result().as_numpy("logits").argmax() for request in pending]
        assert digits == [3, 7]

    @pytest.mark.parametrize(
        ("model", "tensor", "status", "message"),
        [
            ("vit", sent("rows", ROWS), "404", "there is no model 'vit'; published are: gru"),
            ("lstm", sent("cols", ROWS), "400", "no input 'cols', expected: rows"),
            ("lstm", sent("rows", ROWS * 255), "422", r"rows[0][10][4] is 255.0, expected"),
            ("lstm", sent("rows", ROWS * np.float32(np.nan)), "422", "rows[0][0][0] is nan"),
            ("lstm", sent("rows", ROWS[:, 1:]), "422", "expected [batch, 28, 28]"),
            ("lstm", sent("rows", ROWS[:0]), "422", "batch at least 1"),
            ("lstm", sent("rows", np.repeat(ROWS, 4, 0)), "413", "may be at most 6"),
            ("lstm", sent("rows", np.repeat(ROWS, 160, 0)), "413", "at most 1000000 are allowed"),
            ("stateful", sent("rows", ROWS), "422", "inputs lacks 'total'"),
        ],
        ids=lambda value: value[:40] if isinstance(value, str) else "",
    )
    def test_a_refusal_says_why(
        self, client: Any, model: str, tensor: Any, status: str, message: str
    ) -> None:
        with pytest.raises(InferenceServerException) as caught:
            client.infer(model, [tensor])
        assert caught.value.status() == status
        assert message in caught.value.message()

    def test_an_output_that_there_is_not(self, client: Any) -> None:
        with pytest.raises(InferenceServerException, match="no output 'digit', expected: logits"):
            client.infer("lstm", [sent("rows", ROWS)], outputs=[wanted("digit")])
        labels = triton.InferRequestedOutput("logits", class_count=3)
        with pytest.raises(InferenceServerException, match="an extension that is not served"):
            client.infer("lstm", [sent("rows", ROWS)], outputs=[labels])


def test_the_asynchronous_client(server: Server) -> None:
    async def ask() -> None:
        address = server.url.removeprefix("http://")
        async with aio.InferenceServerClient(address) as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready("gru")
            assert (await client.get_model_metadata("gru"))["platform"] == "onnxruntime_onnx"
            answers = await asyncio.gather(
                *(
                    client.infer(model, [sent("rows", ROWS, binary=binary, kind=aio)], outputs=out)
                    for model in ("lstm", "gru")
                    for binary in (True, False)
                    for out in (None, [wanted("logits", binary=binary, kind=aio)])
                )
            )
            digits = [answer.as_numpy("logits").argmax(axis=1).tolist() for answer in answers]
            assert digits == [[3, 7]] * 4 + [[4, 8]] * 4
            total = np.zeros(2, np.float32)
            for _ in range(2):
                inputs = [sent("rows", ROWS, kind=aio), sent("total", total, kind=aio)]
                total = (await client.infer("stateful", inputs)).as_numpy("next_total")
            np.testing.assert_allclose(total, 2 * ROWS.sum(axis=(1, 2)), rtol=1e-6, atol=0)
            with pytest.raises(InferenceServerException, match="no model 'vit'"):
                await client.infer("vit", [sent("rows", ROWS, kind=aio)])

    asyncio.run(ask())
