"""What an operator may switch on: keys, origins, limits of load and of time, and a log in JSON."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests.support.polling import poll
from tests.support.servers.failures import ERRORS, check_failure
from tests.support.servers.refused import FORM, IMAGE, INFER, JSON, files, png
from tests.support.servers.server import KEYS, PAGE, Server

pytestmark = pytest.mark.e2e


@pytest.fixture
def keyed(guarded: Server) -> Iterator[httpx.Client]:
    key = {"authorization": f"Bearer {KEYS[0]}"}
    with httpx.Client(base_url=guarded.url, timeout=30, headers=key) as client:
        yield client


class TestKeys:
    @pytest.mark.parametrize("key", [{}, {"authorization": "Bearer other"}])
    @pytest.mark.parametrize(
        ("method", "path"),
        [("POST", "/predict"), ("POST", INFER), ("GET", "/v2"), ("GET", "/"), ("GET", "/metrics")],
    )
    def test_without_one_nothing_is_answered(
        self, guarded: Server, key: dict[str, str], method: str, path: str
    ) -> None:
        answer = httpx.request(method, guarded.url + path, headers=key, timeout=30)
        check_failure(answer, "unauthorized")

    @pytest.mark.parametrize("key", KEYS)
    def test_any_of_several_will_do(self, guarded: Server, key: str) -> None:
        headers = {"authorization": f"Bearer {key}"}
        answer = httpx.post(f"{guarded.url}/predict", files=IMAGE, headers=headers, timeout=30)
        assert answer.json()["digit"] == 7

    @pytest.mark.parametrize("probe", ["/readyz", "/v2/health/live", "/v2/health/ready"])
    def test_a_probe_needs_none(self, guarded: Server, probe: str) -> None:
        assert httpx.get(guarded.url + probe, timeout=30).status_code == 200

    @pytest.mark.parametrize("path", ["/", "/page/page.js", "/docs", "/docs/swagger-ui.css"])
    def test_the_page_that_asks_for_the_key_needs_none(self, guarded: Server, path: str) -> None:
        headers = {"accept": "text/html,*/*;q=0.8"}
        answer = httpx.get(guarded.url + path, headers=headers, timeout=30)
        assert answer.status_code == 200
        assert "predict_sequences" not in answer.text

    def test_none_is_logged(self, guarded: Server, keyed: httpx.Client) -> None:
        assert keyed.post("/predict", files=IMAGE).status_code == 200
        assert not [key for key in KEYS if key in guarded.log]


class TestOrigins:
    ASKED = {"access-control-request-method": "POST"}  # noqa: RUF012  read only

    def test_a_page_of_a_named_one_may_ask_without_a_key_whether_it_may(
        self, guarded: Server
    ) -> None:
        headers = {"origin": PAGE, **self.ASKED}
        answer = httpx.options(f"{guarded.url}/predict", headers=headers, timeout=30)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == PAGE

    def test_a_page_of_another_may_not(self, guarded: Server) -> None:
        headers = {"origin": "https://other.example", "x-request-id": "mine", **self.ASKED}
        answer = httpx.options(f"{guarded.url}/predict", headers=headers, timeout=30)
        check_failure(answer, "origin_not_allowed")
        assert "https://other.example" in answer.json()["error"]["message"]
        assert answer.headers["x-request-id"] == "mine"
        assert "access-control-allow-origin" not in answer.headers

    def test_a_page_can_read_why_it_was_refused(self, guarded: Server) -> None:
        answer = httpx.post(f"{guarded.url}/predict", headers={"origin": PAGE}, timeout=30)
        check_failure(answer, "unauthorized")
        assert answer.headers["access-control-allow-origin"] == PAGE


class TestLimits:
    """Two requests at once, three seconds for each, a hundredth of one to read its body."""

    def test_clients_that_send_nothing_more_hold_their_places_no_longer_than_the_timeout(
        self, keyed: httpx.Client
    ) -> None:
        held = {"/predict": begin(keyed, "/predict", FORM), INFER: begin(keyed, INFER, JSON)}
        try:
            check_failure(until(keyed, "too_many_requests"), "too_many_requests")
            check_failure(keyed.post(INFER, json={}), "too_many_requests")
            for path, connection in held.items():
                check_failure(answer(connection, keyed, path), "timeout")
            assert keyed.post("/predict", files=IMAGE).status_code == 200
        finally:
            for connection in held.values():
                connection.close()

    def test_a_body_that_trickles_in_holds_its_place_no_longer(self, keyed: httpx.Client) -> None:
        trickling = begin(keyed, "/predict_sequences", JSON)
        with trickling:
            trickling.settimeout(0.05)

            def send_a_little_and_receive() -> bytes:
                trickling.sendall(b"1\r\n \r\n")
                try:
                    return trickling.recv(65_536)
                except TimeoutError:
                    return b""

            received = poll(send_a_little_and_receive, lambda: "no answer")
            assert received.startswith(b"HTTP/1.1 504")
        assert keyed.post("/predict", files=IMAGE).status_code == 200

    def test_what_takes_too_long_to_read_is_refused_and_others_are_read(
        self, keyed: httpx.Client
    ) -> None:
        costly = png(np.zeros((7000, 7000), np.uint8))  # 49 megapixels in 50 kilobytes
        answer = keyed.post("/predict", files=files(costly, field="image"))
        check_failure(answer, "too_costly")
        [bad, good] = keyed.post("/predict_batch", files=files(costly, IMAGE[0][1][1])).json()
        assert bad["error"]["code"] == "too_costly"
        assert good["digit"] == 7

    def test_numbers_that_take_too_long_to_read_are_refused(self, keyed: httpx.Client) -> None:
        numbers = b"0.1234567890123456," * 500_000  # 9.5 MB
        check_failure(keyed.post(INFER, content=b"[" + numbers + b"0]", headers=JSON), "too_costly")


class TestLog:
    FIELDS = frozenset({"time", "level", "logger", "message", "process", "request_id"})
    ACCESS = frozenset({"method", "path", "status", "seconds"})

    def test_each_line_is_json_and_names_its_request(
        self, guarded: Server, keyed: httpx.Client
    ) -> None:
        mine = keyed.post("/predict", files=IMAGE, headers={"x-request-id": "order-66"})
        assert mine.headers["x-request-id"] == "order-66"
        forged = keyed.get("/%0aforged", headers={"x-request-id": "two words"})
        made_up = forged.headers["x-request-id"]
        assert len(made_up) == 32
        guarded.poll(lambda: {"order-66", made_up} <= answers(guarded).keys())
        for line in lines(guarded):
            access = self.ACCESS if line["logger"] == "rowreader.access" else set()
            assert line.keys() == self.FIELDS | access
        found = answers(guarded)["order-66"]
        assert (found["method"], found["path"], found["status"]) == ("POST", "/predict", 200)
        assert found["seconds"] > 0
        assert found["level"] == "INFO"
        assert answers(guarded)[made_up]["path"] == "/\nforged"

    def test_a_mistyped_setting_is_named(self, guarded: Server) -> None:
        mistyped = "no setting ROWREADER_LOG_FORMATS; did you mean ROWREADER_LOG_FORMAT?"
        assert any(mistyped in line["message"] for line in lines(guarded))


def lines(server: Server) -> list[dict[str, Any]]:
    """What the server has logged; a last line that is not whole is left out."""
    return [json.loads(line) for line in server.log.splitlines(keepends=True) if line[-1] == "\n"]


def answers(server: Server) -> dict[str, dict[str, Any]]:
    """The line of each answer by the id of its request."""
    logged = [line for line in lines(server) if line["logger"] == "rowreader.access"]
    return {line["request_id"]: line for line in logged}


def begin(http: httpx.Client, path: str, headers: dict[str, str]) -> socket.socket:
    """A connection that has sent the head of a request, the beginning of its body, and no more."""
    url = http.base_url
    connection = socket.create_connection((url.host, url.port), timeout=30)
    sent = {"host": url.host, "transfer-encoding": "chunked", **headers}
    sent["authorization"] = http.headers["authorization"]
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n1\r\n-\r\n")
    return connection


def until(http: httpx.Client, code: str) -> httpx.Response:
    """The first answer with this code to one request after the other."""
    for _ in range(1000):
        response = http.post("/predict", files=IMAGE)
        if response.status_code == ERRORS[code].status:
            return response
    raise AssertionError(f"none of a thousand requests was answered with {code}")


def answer(connection: socket.socket, http: httpx.Client, path: str) -> httpx.Response:
    """What the server sends at last."""
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"}"):
        part = connection.recv(65_536)
        assert part, f"the connection ended after {received!r}"
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = [line.split(": ", 1) for line in lines]
    return httpx.Response(
        int(status.split()[1]),
        headers=[(name, value) for name, value in headers],
        content=body,
        request=http.build_request("POST", path),
    )
