"""The page in a real browser, where the service refuses: in its own words, and with a way out."""

import json
import socket
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, FilePayload, expect

from tests.support.browser import SEVEN, visiting
from tests.support.polling import poll
from tests.support.servers import refused
from tests.support.servers.server import KEYS, Server, serve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_what_is_no_image_is_refused_in_the_service_s_words(
    browser: Browser, shipped: Server
) -> None:
    with visiting(browser, shipped.url) as visit:
        visit.refusals = {415}
        visit.page.wait_for_selector(".reader")
        text: FilePayload = {"name": "notes.txt", "mimeType": "image/png", "buffer": b"hello"}
        visit.page.locator("#file").set_input_files(text)
        problem = visit.page.get_by_role("alert")
        expect(problem).to_contain_text("(5 bytes, starting b'hello') is not an image")
        visit.draw(SEVEN)  # and the page goes on
        visit.wait_for_digit(7)
        expect(problem).to_be_hidden()


def test_a_key_is_asked_for_and_kept_for_the_tab_only(browser: Browser, guarded: Server) -> None:
    with visiting(browser, guarded.url) as visit:
        visit.refusals = {401}
        field = visit.page.get_by_label("This service wants a key")
        expect(field).to_be_focused()
        visit.page.keyboard.type("wrong")
        visit.page.keyboard.press("Enter")
        expect(visit.page.get_by_role("alert")).to_have_text("The service does not know this key.")
        field.fill(KEYS[0])
        visit.page.get_by_role("button", name="Use it").click()
        expect(field).to_be_hidden()
        # A tiny one, for this server gives little time to each.
        tiny: FilePayload = {"name": "7.png", "mimeType": "image/png", "buffer": refused.SEVEN}
        visit.page.locator("#file").set_input_files(tiny)
        visit.wait_for_digit(7)
        expect(visit.page.locator(".facts")).to_contain_text("CPUExecutionProvider")
        # The key itself is in no command, in no address, and gone with the tab.
        assert "$ROWREADER_KEY" in visit.text("#curl-predict")
        assert KEYS[0] not in visit.page.content()
        assert not [url for url in visit.requested if KEYS[0] in url]
        assert visit.page.evaluate("localStorage.length + document.cookie.length") == 0
        other = visit.page.context.new_page()
        other.goto(guarded.url)
        expect(other.get_by_label("This service wants a key")).to_be_visible()


def test_the_field_for_a_key_fits_a_phone(browser: Browser, guarded: Server) -> None:
    with visiting(browser, guarded.url, viewport={"width": 360, "height": 740}) as visit:
        visit.refusals = {401}
        expect(visit.page.get_by_label("This service wants a key")).to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360


def busy(server: Server) -> bool:
    """Whether the server takes no more requests."""
    return httpx.post(f"{server.url}/predict", timeout=30).status_code == 429


def test_while_the_service_is_busy_it_says_so_and_tries_again(
    browser: Browser, models_dir: Path, tmp_path: Path
) -> None:
    settings = {"MODELS_DIR": models_dir, "DEVICE": "cpu", "MAX_PENDING": 1}
    with serve(tmp_path, settings) as server:
        check_that_it_waits(browser, server)


def check_that_it_waits(browser: Browser, server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    head = [f"POST /predict HTTP/1.1\r\nHost: {host}",
            f"Content-Type: {refused.FORM['content-type']}",
            "Content-Length: 100", "", ""]  # fmt: skip
    with visiting(browser, server.url) as visit:
        visit.refusals = {429}
        visit.page.wait_for_selector(".reader")
        with socket.create_connection((host, int(port))) as held:
            held.sendall("\r\n".join(head).encode())  # and nothing more
            poll(lambda: busy(server), lambda: "the only place is not held")
            visit.draw(SEVEN)
            waiting = visit.page.locator("#waiting")
            expect(waiting).to_contain_text("The service is busy")
            expect(waiting).to_contain_text("Trying again in 1 second")
        expect(visit.page.locator(".facts")).to_contain_text("CPUExecutionProvider")
        expect(waiting).to_be_hidden()


ROW = {"row": 1, "digit": 3, "confidence": 0.1, "probabilities": [0.1] * 10}
FAILURE = {"error": {"code": "timeout", "message": "it took too long", "status": 504}}


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (f"event: error\ndata: {json.dumps(FAILURE)}\n\n", "it took too long"),
        ("", "The answer was cut off before its end."),
    ],
    ids=["an error", "an end"],
)
def test_a_reading_that_fails_on_the_way_is_told(
    browser: Browser, shipped: Server, rest: str, message: str
) -> None:
    with visiting(browser, shipped.url) as visit:
        visit.page.wait_for_selector(".reader")
        body = f"event: row\ndata: {json.dumps(ROW)}\n\n{rest}"
        visit.page.route(
            "**/predict_rows?*",
            lambda route: route.fulfill(body=body, content_type="text/event-stream"),
        )
        visit.draw(SEVEN)
        expect(visit.page.get_by_role("alert")).to_have_text(message)
        expect(visit.page.locator(".sure")).to_have_text("Nothing read yet")


def test_a_service_that_is_not_ready_says_why(browser: Browser, unready: Server) -> None:
    with visiting(browser, unready.url) as visit:
        visit.refusals = {503}
        expect(visit.page.get_by_role("alert")).to_contain_text("gru/model.onnx")
