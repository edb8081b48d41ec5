"""Reading row by row from a real server, by its three doors and clients as people use them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient import http as triton
from websockets.exceptions import InvalidStatus

from tests.support.published import picture
from tests.support.servers.refused import IMAGE, ROWS
from tests.support.servers.row_stream import ask, browser_key, closed, events, opened, read
from tests.support.servers.server import KEYS, PAGE, Server, serve
from tests.support.servers.triton import sent

pytestmark = pytest.mark.e2e

SEVEN = picture(7).tobytes()
DONE, LEAVING, UNSUPPORTED, POLICY, TOO_BIG, TRY_AGAIN = 1000, 1001, 1003, 1008, 1009, 1013


def predicted(http: httpx.Client) -> Any:
    return http.post("/predict", files=IMAGE).json()


class TestEvents:
    """`POST /predict_rows`."""

    def test_an_image_is_told_row_by_row_and_ends_as_predict_does(self, http: httpx.Client) -> None:
        response = http.post("/predict_rows", files=IMAGE)
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        assert response.headers["x-request-id"]
        *rows, (name, prediction) = events(response)
        assert [name for name, _ in rows] == ["row"] * 28
        assert [row["row"] for _, row in rows] == list(range(1, 29))
        assert all(row.keys() == {"row", "digit", "confidence", "probabilities"} for _, row in rows)
        assert (name, prediction) == ("prediction", predicted(http))
        last = rows[-1][1]
        assert last["digit"] == prediction["digit"] == 7
        assert last["confidence"] == pytest.approx(prediction["confidence"], abs=1e-6)

    def test_rows_as_json_are_read_alike_and_their_hidden_state_told(
        self, http: httpx.Client
    ) -> None:
        body = {"rows": ROWS, "hidden": True, "model": "lstm"}
        *rows, (_, prediction) = events(http.post("/predict_rows", json=body))
        assert prediction == predicted(http)
        assert [row["hidden"] for _, row in rows] == ROWS  # what this model keeps is the row

    def test_a_reading_ends_when_it_is_sure_enough(self, http: httpx.Client) -> None:
        whole = events(http.post("/predict_rows", files=IMAGE))
        *rows, (_, prediction) = events(http.post("/predict_rows?stop_at=0.5", files=IMAGE))
        enough = [row["confidence"] >= 0.5 for _, row in rows]
        assert enough == [False] * (len(rows) - 1) + [True]
        assert rows == whole[: len(rows)]
        assert prediction["rows"] == len(rows) < 28
        assert prediction["digit"] == rows[-1][1]["digit"]
        assert prediction["confidence"] == rows[-1][1]["confidence"]

    def test_a_part_of_a_digit_can_be_read(self, http: httpx.Client) -> None:
        *rows, (_, prediction) = events(http.post("/predict_rows", json={"rows": ROWS[:20]}))
        assert len(rows) == prediction["rows"] == 20

    def test_a_preview_comes_with_the_prediction(self, http: httpx.Client) -> None:
        data = {"preview": "true", "hidden": "false"}
        *_, (_, prediction) = events(http.post("/predict_rows", files=IMAGE, data=data))
        assert base64.b64decode(prediction["preview"]).startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("query", "request_body", "status", "code"),
        [
            ("", {"json": {"rows": []}}, 422, "empty_batch"),
            ("", {"json": {"rows": [[0.0] * 28] * 29}}, 422, "wrong_shape"),
            ("", {"json": {"rows": [[0.0] * 27]}}, 422, "wrong_shape"),
            ("", {"json": {"rows": [[2.0] * 28]}}, 422, "out_of_range"),
            ("", {"json": {"rows": [["x"] * 28]}}, 422, "wrong_type"),
            ("", {"json": {}}, 422, "missing_field"),
            ("", {"json": {"rows": ROWS, "stop_at": 1.5}}, 422, "out_of_range"),
            ("?stop_at=nan", {"json": {"rows": ROWS}}, 422, "out_of_range"),
            ("?stop_at=soon", {"files": IMAGE}, 422, "wrong_type"),
            ("?stop_at=0.5", {"json": {"rows": ROWS, "stop_at": 0.9}}, 422, "unexpected_field"),
            ("?rows=5", {"json": {"rows": ROWS}}, 422, "unexpected_field"),
            ("?model=vit", {"files": IMAGE}, 404, "model_not_found"),
            ("?model=gru", {"files": IMAGE}, 422, "wrong_task"),
            ("?model=stateful", {"files": IMAGE}, 422, "wrong_task"),
            ("", {"content": b"{", "headers": {"content-type": "application/json"}}, 400,
             "invalid_json"),
            ("", {"content": b" " * 200_000, "headers": {"content-type": "application/json"}}, 413,
             "body_too_large"),
            ("", {"files": {"image": ("x.png", b"text")}}, 415, "not_an_image"),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_told_before_the_first_event(
        self, http: httpx.Client, query: str, request_body: Any, status: int, code: str
    ) -> None:
        response = http.post(f"/predict_rows{query}", **request_body)
        assert (response.status_code, response.json()["error"]["code"]) == (status, code)
        documented = http.get("/docs.json").json()["paths"]["/predict_rows"]["post"]["responses"]
        assert f"`{code}`" in documented[str(status)]["description"]


def test_the_list_at_the_root_says_which_models_can_be_read_row_by_row(http: httpx.Client) -> None:
    listing = http.get("/").json()
    assert {"/predict_rows", "/stream"} <= set(listing["routes"])
    assert listing["default"] == "lstm"
    models = {model.pop("name"): model for model in listing["models"]}
    cpu = "CPUExecutionProvider"
    one = {"task": "classify", "provider": cpu, "test_accuracy": None, "rows": True}
    assert models["lstm"] == one
    assert models["gru"] == {**one, "rows": False}
    assert models["lstm-rows"] == {**one, "task": "classify_rows", "rows": False}
    assert models["stateful"]["task"] == "regress"


class TestTensors:
    """`/v2/models/lstm-rows/infer`, by Triton's client."""

    @pytest.fixture
    def client(self, server: Server) -> Iterator[Any]:
        client = triton.InferenceServerClient(server.url.removeprefix("http://"))
        yield client
        client.close()

    def test_a_digit_is_read_in_three_calls(self, client: Any) -> None:
        hidden = np.zeros((1, 28, 28), np.float32)
        digit = picture(4).astype(np.float32)[np.newaxis] / np.float32(255)
        logits = []
        for rows in (digit[:, :5], digit[:, 5:10], digit[:, 10:15]):  # 6 is a model's longest axis
            result = client.infer("lstm-rows", [sent("rows", rows), sent("hidden", hidden)])
            hidden = result.as_numpy("next_hidden")
            logits.append(result.as_numpy("logits"))
        assert np.concatenate(logits, axis=1).shape == (1, 15, 10)
        for start in range(15, 28):
            rows = digit[:, start : start + 1]
            result = client.infer("lstm-rows", [sent("rows", rows), sent("hidden", hidden)])
            hidden = result.as_numpy("next_hidden")
        assert result.as_numpy("logits")[0, -1].argmax() == 4


class TestWebSocket:
    """`/stream`, by the client of `websockets`."""

    def test_rows_are_answered_as_they_come_and_end_as_predict_does(
        self, server: Server, http: httpx.Client
    ) -> None:
        with opened(server) as socket:
            rows = [ask(socket, SEVEN[28 * i : 28 * (i + 1)]) for i in range(28)]
            socket.send('{"end": true}')
            code, [end] = closed(socket)
        assert [row["row"] for row in rows] == list(range(1, 29))
        streamed = [row for _, row in events(http.post("/predict_rows", files=IMAGE))[:-1]]
        for row, expected in zip(rows, streamed, strict=True):
            assert row["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
        expected = predicted(http)
        assert end["prediction"].keys() == expected.keys()
        assert end["prediction"]["digit"] == 7
        assert end["prediction"]["confidence"] == pytest.approx(expected["confidence"], abs=1e-6)
        assert code == DONE

    def test_many_rows_in_one_message_are_answered_each(self, server: Server) -> None:
        with opened(server, "hidden=true") as socket:
            rows = read(socket, SEVEN)
        assert [row["digit"] for row in rows][-1] == 7
        assert [row["hidden"] for row in rows] == pytest.approx(np.array(ROWS), abs=1e-6)

    def test_a_reset_begins_the_next_digit(self, server: Server) -> None:
        with opened(server) as socket:
            first = read(socket, SEVEN)
            assert ask(socket, {"reset": True}) == {"reset": True}
            again = read(socket, SEVEN)
        assert again == first

    def test_a_state_goes_on_over_another_connection(self, server: Server) -> None:
        with opened(server) as socket:
            whole = read(socket, SEVEN)
        with opened(server) as socket:
            read(socket, SEVEN[: 20 * 28])
            kept = ask(socket, {"state": True})
        assert kept["row"] == 20
        with opened(server) as socket:
            assert ask(socket, {"state": kept["state"]}) == {"row": 20}
            rest = read(socket, SEVEN[20 * 28 :])
            end = ask(socket, {"end": True})
        for row, expected in zip(rest, whole[20:], strict=True):
            assert row["row"] == expected["row"]
            assert row["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
        assert end["prediction"]["digit"] == 7

    def test_a_stream_ends_when_it_is_sure_enough(self, server: Server) -> None:
        with opened(server, "stop_at=0.5") as socket:
            socket.send(SEVEN)
            code, [*rows, end] = closed(socket)
        assert code == DONE
        assert end["prediction"]["rows"] == len(rows) < 28
        assert rows[-1]["confidence"] >= 0.5 > rows[-2]["confidence"]

    @pytest.mark.parametrize(
        ("message", "code", "error"),
        [
            (b"x" * 27, UNSUPPORTED, "wrong_shape"),
            (b"", UNSUPPORTED, "wrong_shape"),
            (bytes(29 * 28), UNSUPPORTED, "wrong_shape"),
            ("seven", UNSUPPORTED, "invalid_json"),
            ("[]", UNSUPPORTED, "wrong_type"),
            ("{}", UNSUPPORTED, "malformed_request"),
            ('{"reset": true, "end": true}', UNSUPPORTED, "malformed_request"),
            ('{"start": true}', POLICY, "unexpected_field"),
            ('{"state": 5}', UNSUPPORTED, "wrong_type"),
            ('{"state": "=not base64="}', POLICY, "wrong_state"),
            ('{"state": "é"}', POLICY, "wrong_state"),
            ('{"state": "AAAA"}', POLICY, "wrong_state"),
            ('{"end": true}', POLICY, "empty_batch"),
        ],
    )
    def test_a_message_that_means_nothing_ends_the_stream_and_says_why(
        self, server: Server, message: str | bytes, code: int, error: str
    ) -> None:
        with opened(server) as socket:
            socket.send(message)
            found, [said] = closed(socket)
        assert (found, said["error"]["code"]) == (code, error)
        assert socket.close_reason == error

    def test_a_message_that_is_too_large_is_not_read(self, server: Server) -> None:
        with opened(server) as socket:
            socket.send(bytes(70_000))
            assert closed(socket) == (TOO_BIG, [])

    def test_a_state_that_was_altered_or_is_of_another_model_is_refused(
        self, server: Server
    ) -> None:
        with opened(server) as socket:
            read(socket, SEVEN)
            state = base64.b64decode(ask(socket, {"state": True})["state"])
        nan = np.array([np.nan], "<f4").tobytes()
        sure = np.array([5.0] * 10, "<f8").tobytes()
        altered = {
            "wrong_state": (
                b"x" + state[1:],
                state[:-1],
                state + b"x",
                state[:34] + sure + state[114:],
            ),
            "not_finite": (state[:-4] + nan,),
            "wrong_shape": (state[:32] + b"\x1d" + state[33:],),
        }
        for error, states in altered.items():
            for changed in states:
                with opened(server) as socket:
                    socket.send(json.dumps({"state": base64.b64encode(changed).decode()}))
                    _, [said] = closed(socket)
                assert said["error"]["code"] == error

    def test_a_state_that_leads_nowhere_is_the_sender_s_fault(self, server: Server) -> None:
        with opened(server) as socket:
            read(socket, SEVEN[:28])
            state = base64.b64decode(ask(socket, {"state": True})["state"])
        huge = np.full((len(state) - 114) // 4, 3e38, "<f4").tobytes()
        with opened(server) as socket:
            made_up = base64.b64encode(state[:114] + huge).decode()
            assert ask(socket, {"state": made_up}) == {"row": 1}
            socket.send(SEVEN[:28])
            code, [said] = closed(socket)
        assert (code, said["error"]["code"]) == (POLICY, "not_finite")

    @pytest.mark.parametrize(
        ("query", "error"),
        [
            ("model=vit", "model_not_found"),
            ("model=gru", "wrong_task"),
            ("stop_at=2", "out_of_range"),
            ("digit=7", "unexpected_field"),
        ],
    )
    def test_a_query_that_asks_for_what_is_not_there_is_told_so(
        self, server: Server, query: str, error: str
    ) -> None:
        with opened(server, query) as socket:
            code, [said] = closed(socket)
        assert (code, said["error"]["code"]) == (POLICY, error)

    def test_what_clients_make_up_as_codes_is_counted_as_one(
        self, server: Server, http: httpx.Client
    ) -> None:
        for code in (3000, 4000, 4999):
            with opened(server) as socket:
                socket.close(code)

        def counted() -> list[str]:
            lines = http.get("/metrics").text.splitlines()
            return [line for line in lines if 'route="/stream"' in line and 'status="3' in line]

        server.poll(lambda: any(line.endswith(" 3.0") for line in counted()))
        assert len(counted()) == 1
        assert 'status="4' not in "".join(
            line for line in http.get("/metrics").text.splitlines() if "/stream" in line
        )

    def test_a_request_without_an_upgrade_is_told_what_is_there(self, http: httpx.Client) -> None:
        response = http.get("/stream")
        assert response.status_code == 404
        assert response.json()["error"]["message"] == (
            "GET '/stream': this is a WebSocket; connect to it as one"
        )

    def test_there_is_no_other_web_socket(self, server: Server) -> None:
        for path in ("/", "/predict", "/v2", "/nowhere"):
            with pytest.raises(InvalidStatus) as caught, opened(server, path=path):
                pass
            assert caught.value.response.status_code == 404
            assert json.loads(caught.value.response.body)["error"]["code"] == "not_found"
        assert "without completing handshake" not in server.log


class TestGuards:
    """Who may connect, and how many."""

    def test_without_a_key_nobody_connects(self, guarded: Server) -> None:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with pytest.raises(InvalidStatus) as caught, opened(guarded, headers=headers):
                pass
            assert caught.value.response.status_code == 401
            assert caught.value.response.headers["www-authenticate"] == "Bearer"
            assert json.loads(caught.value.response.body)["error"]["code"] == "unauthorized"

    def test_a_program_sends_its_key_in_a_header(self, guarded: Server) -> None:
        with opened(guarded, headers={"Authorization": f"Bearer {KEYS[1]}"}) as socket:
            assert read(socket, SEVEN)[-1]["digit"] == 7

    def test_a_page_sends_its_key_as_a_subprotocol(self, guarded: Server) -> None:
        offered = browser_key(KEYS[0])
        with opened(guarded, headers={"Origin": PAGE}, subprotocols=offered) as socket:
            assert socket.subprotocol == "rowreader"
            assert read(socket, SEVEN)[-1]["digit"] == 7
        for wrong in (browser_key("wrong"), ["rowreader", "rowreader.key.A"]):
            with pytest.raises(InvalidStatus), opened(guarded, subprotocols=wrong):
                pass

    def test_pages_of_other_origins_may_not_connect(self, guarded: Server, server: Server) -> None:
        key = {"Authorization": f"Bearer {KEYS[0]}"}
        host = guarded.url.removeprefix("http://")
        evil = "https://evil.example"
        for origin in (evil, "null", f"https://{host}.evil.example", f"{evil}@{host}", "http://["):
            with (
                pytest.raises(InvalidStatus) as caught,
                opened(guarded, headers={**key, "Origin": origin}),
            ):
                pass
            body = json.loads(caught.value.response.body)
            assert body["error"]["code"] == "origin_not_allowed"
        for origin in (PAGE, f"http://{host}"):
            with opened(guarded, headers={**key, "Origin": origin}) as socket:
                assert read(socket, SEVEN)[-1]["digit"] == 7

    def test_streams_take_no_more_than_half_of_the_places(self, guarded: Server) -> None:
        """There are two places, so requests are answered while a stream has one of them."""
        key = {"Authorization": f"Bearer {KEYS[0]}"}
        with opened(guarded, headers=key) as first:
            read(first, SEVEN[:28])
            with opened(guarded, headers=key) as second:
                code, [said] = closed(second)
            assert (code, said["error"]["code"]) == (TRY_AGAIN, "too_many_requests")
            response = httpx.post(f"{guarded.url}/predict", files=IMAGE, headers=key)
            assert response.status_code == 200
            read(first, SEVEN[28:])
        with opened(guarded, headers=key) as third:
            read(third, SEVEN)

    def test_each_connection_is_logged_and_counted(self, guarded: Server) -> None:
        key = {"Authorization": f"Bearer {KEYS[0]}", "X-Request-Id": "stream-7"}
        with opened(guarded, headers=key) as socket:
            ask(socket, SEVEN[:28])
            ask(socket, {"end": True})
            assert closed(socket) == (DONE, [])

        def line() -> list[Any]:
            lines = [json.loads(line) for line in guarded.log.splitlines() if "stream-7" in line]
            return [line for line in lines if line.get("path") == "/stream"]

        guarded.poll(lambda: bool(line()))
        [found] = line()
        assert (found["method"], found["status"]) == ("WEBSOCKET", DONE)
        assert KEYS[0] not in guarded.log
        metrics = httpx.get(f"{guarded.url}/metrics", headers=key).text
        counted = 'rowreader_requests_total{model="lstm",route="/stream",status="1000"}'
        assert counted in metrics


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, models_dir: Any) -> Iterator[Server]:
    """A server that waits for no message longer than half a second."""
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu", "STREAM_IDLE_SECONDS": 0.5}
    with serve(tmp_path_factory.mktemp("hasty"), settings) as server:
        yield server


def test_a_stream_that_says_nothing_is_closed(hasty: Server) -> None:
    with opened(hasty) as socket:
        code, [said] = closed(socket)
    assert (code, said["error"]["code"]) == (POLICY, "timeout")
    assert "no message came within 0.5 s" in said["error"]["message"]


def test_streams_are_told_that_the_service_ends(tmp_path: Any, models_dir: Any) -> None:
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu"}
    with serve(tmp_path, settings) as server:
        with opened(server) as socket:
            assert ask(socket, SEVEN[:28])["row"] == 1
            server.process.terminate()
            code, [said] = closed(socket)
        assert (code, said["error"]["code"]) == (LEAVING, "not_ready")
        assert server.process.wait(timeout=30) == 0
