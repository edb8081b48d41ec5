"""The page reads numbers: their text, their digits, and the boxes over the picture."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import SEVEN, THREE, Visit, visiting
from tests.support.project import ROOT
from tests.support.servers.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PICTURE = ROOT / "docs" / "number.png"  # of 4071


@pytest.fixture
def visit(browser: Browser, shipped: Server) -> Iterator[Visit]:
    with visiting(browser, shipped.url) as visit:
        yield visit


def boxed(visit: Visit) -> int:
    """How many pixels of the drawing have the colour of boxes."""
    count: int = visit.page.evaluate(
        """() => {
          const board = document.getElementById("board");
          const hex = getComputedStyle(board).getPropertyValue("--accent").match(/[0-9a-f]{2}/gi);
          const [r, g, b] = hex.map((part) => parseInt(part, 16));
          const copy = new OffscreenCanvas(board.width, board.height).getContext("2d");
          copy.drawImage(board, 0, 0);
          const { data } = copy.getImageData(0, 0, board.width, board.height);
          let count = 0;
          for (let i = 0; i < data.length; i += 4)
            count += data[i] === r && data[i + 1] === g && data[i + 2] === b && data[i + 3] === 255;
          return count;
        }"""
    )
    return count


def small(points: tuple[tuple[float, float], ...], left: float) -> list[tuple[float, float]]:
    """Half as large, so that two stand side by side."""
    return [(left + 0.5 * x, 0.2 + 0.5 * y) for x, y in points]


def test_a_number_that_is_drawn_is_read_and_its_digits_are_boxed(visit: Visit) -> None:
    visit.page.locator("#model").select_option("numbers")
    visit.page.locator("#pen").fill("20")
    visit.draw(small(tuple(SEVEN), 0))
    visit.draw(small(tuple(THREE), 0.4))
    expect(visit.page.locator(".number .text")).to_have_text("73")
    expect(visit.page.locator(".number tbody tr")).to_have_count(2)
    assert boxed(visit) > 200
    assert "predict_number?model=numbers" in visit.text("#curl-predict")
    visit.page.get_by_role("button", name="Clear").click()
    expect(visit.page.locator(".number .sure")).to_have_text("Nothing read yet")
    assert boxed(visit) == 0


def test_a_picture_of_a_number_is_read(visit: Visit) -> None:
    visit.page.locator("#model").select_option("numbers")
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Choose").click()
    chooser.value.set_files(PICTURE)
    expect(visit.page.locator(".number .text")).to_have_text("4071")
    expect(visit.page.locator(".number .state")).to_have_text("Accepted")
    expect(visit.page.locator("#spoken")).to_contain_text("numbers reads 4 0 7 1")
    assert boxed(visit) > 200


def test_a_picture_of_several_digits_is_one_click_from_being_read(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Sample: two digits").click()
    visit.page.get_by_role("button", name="Read the number").click()
    expect(visit.page.locator(".number .text")).to_have_text("12")
    expect(visit.page.locator("#model")).to_have_value("numbers")
    visit.page.get_by_role("button", name="Sample: a three").click()
    expect(visit.page.locator(".number .text")).to_have_text("3")
