"""The page for everybody: axe finds nothing, nothing is cut off, and keys reach all."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.support.browser import Visit, visiting
from tests.support.servers.server import KEYS, Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

WIDTHS = (320, 768, 1440)
SCHEMES = ("light", "dark")


def window(width: int, scheme: str) -> dict[str, Any]:
    return {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}


def violations(visit: Visit) -> str:
    """What axe has to say, best practices included."""
    found = Axe().run(visit.page)
    return found.generate_report() if found.violations_count else ""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_before_and_after_a_reading(
    browser: Browser, shipped: Server, width: int, scheme: str
) -> None:
    with visiting(browser, shipped.url, **window(width, scheme)) as visit:
        visit.page.wait_for_selector(".reader")
        assert violations(visit) == ""
        visit.page.get_by_role("button", name="Sample: two digits").click()
        expect(visit.page.locator(".state")).to_contain_text("Not accepted")
        expect(visit.page.locator("#row-name")).to_have_text("Row 28 of 28")
        visit.page.get_by_text("All numbers").click()
        expect(visit.page.locator("tbody tr")).to_have_count(28)
        assert violations(visit) == ""
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_where_a_key_is_asked_for(browser: Browser, guarded: Server) -> None:
    with visiting(browser, guarded.url) as visit:
        visit.refusals = {401}
        expect(visit.page.get_by_label("This service wants a key")).to_be_visible()
        assert violations(visit) == ""


def test_all_that_can_be_clicked_is_reached_by_tab(browser: Browser, shipped: Server) -> None:
    with visiting(browser, shipped.url) as visit:
        visit.page.get_by_role("button", name="Sample: a five").click()
        visit.wait_for_digit(5)
        wanted = visit.page.evaluate(
            """() => [...document.querySelectorAll(
                 "a[href], button, input, select, canvas[tabindex], summary")]
               .filter((e) => e.checkVisibility() && !e.disabled).length"""
        )
        visit.page.evaluate(
            """() => {
              window.reached = new Set();
              addEventListener("focusin", (event) => reached.add(event.target));
              document.querySelector(".skip").focus();
            }"""
        )
        for _ in range(wanted + 10):
            visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("reached.size") >= wanted


def test_the_api_document_tries_a_route_with_the_key_of_the_tab(
    browser: Browser, guarded: Server
) -> None:
    with visiting(browser, guarded.url, "/docs") as visit:
        visit.refusals = {401}
        visit.page.get_by_label("This service wants a key").fill(KEYS[0])
        visit.page.keyboard.press("Enter")
        visit.page.locator("#operations-operations-schema .opblock-summary-control").click()
        visit.page.get_by_role("button", name="Try it out").click()
        visit.page.get_by_role("button", name="Execute").click()
        answered = visit.page.locator(".live-responses-table .response-col_status").last
        expect(answered).to_contain_text("200")
