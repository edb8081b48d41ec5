"""Where the service keeps what it reads, the page asks what was right; elsewhere it does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from service.monitoring.records import read_records
from tests.support.browser import SEVEN, visiting
from tests.support.servers.server import KEYS, Server, serve

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KEY = KEYS[0]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory, kept: Path) -> Iterator[Server]:
    """The shipped models by a server that keeps what it reads, and wants a key."""
    settings = {"DEVICE": "cpu", "MONITOR": kept, "MONITOR_PICTURES": "true", "API_KEYS": KEY}
    with serve(tmp_path_factory.mktemp("keeping"), settings) as server:
        yield server


def test_what_was_right_is_kept_for_each_model_that_was_asked(
    browser: Browser, keeping: Server, kept: Path
) -> None:
    with visiting(browser, keeping.url, viewport={"width": 360, "height": 740}) as visit:
        visit.refusals = {401}
        visit.page.get_by_label("This service wants a key").fill(KEY)
        visit.page.get_by_role("button", name="Use it").click()
        visit.page.get_by_label("Compare with").select_option("gru")
        group = visit.page.get_by_role("group", name="Wrong? Say which")
        expect(group).to_be_hidden()
        visit.draw(SEVEN)
        visit.wait_for_digit(7)
        expect(group).to_contain_text("keeps what it reads")
        for name, thanks in (("1", "kept as 1"), ("No digit", "kept as no digit")):
            button = group.get_by_role("button", name=name, exact=True)
            button.click()
            expect(group).to_contain_text(thanks)
            expect(button).to_have_attribute("aria-pressed", "true")
        assert Axe().run(visit.page).violations_count == 0
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 360
        visit.page.get_by_role("button", name="Clear").click()
        expect(group).to_be_hidden()
    records = read_records(kept)
    models = {prediction.request_id: prediction.model for prediction in records.predictions}
    told = [(models[found.request_id], found.told) for found in records.corrections]
    assert told == [("lstm", 1), ("gru", 1), ("lstm", None), ("gru", None)]
    assert all(prediction.pixels for prediction in records.predictions)


def test_nothing_is_asked_where_nothing_is_kept(browser: Browser, shipped: Server) -> None:
    with visiting(browser, shipped.url) as visit:
        visit.draw(SEVEN)
        visit.wait_for_digit(7)
        expect(visit.page.locator(".state")).to_have_text("Accepted")
        expect(visit.page.get_by_text("Wrong? Say which")).to_be_hidden()


def test_nothing_is_asked_of_a_number_which_is_not_kept(browser: Browser, keeping: Server) -> None:
    with visiting(browser, keeping.url) as visit:
        visit.refusals = {401}
        visit.page.get_by_label("This service wants a key").fill(KEY)
        visit.page.get_by_role("button", name="Use it").click()
        visit.page.locator("#model").select_option("numbers")
        visit.draw(SEVEN)
        expect(visit.page.locator(".number .text")).to_have_text("7")
        expect(visit.page.get_by_text("Wrong? Say which")).to_be_hidden()
