"""The page in a real browser: what is drawn, chosen or dropped is read, and shown row by row."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Route, expect

from tests.support.browser import SEVEN, THREE, Visit, visiting
from tests.support.pictures.drawings import DIGITS
from tests.support.pictures.painting import encode, ink_on, light_from_a_side, sheet
from tests.support.project import ROOT
from tests.support.servers.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PICTURE = ROOT / "docs" / "three.png"
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 740},
    "is_mobile": True,
    "has_touch": True,
}


@pytest.fixture
def visit(browser: Browser, shipped: Server) -> Iterator[Visit]:
    with visiting(browser, shipped.url) as visit:
        yield visit


def choose(visit: Visit, file: Path) -> None:
    with visit.page.expect_file_chooser() as chooser:
        visit.page.get_by_role("button", name="Choose").click()
    chooser.value.set_files(file)


def percents(visit: Visit) -> list[float]:
    """The probabilities that the bars show, in percent."""
    texts = visit.page.locator(".bars .value").all_inner_texts()
    return [float(re.sub(r"[^\d.]", "", text)) for text in texts]


def test_a_digit_drawn_with_the_mouse_is_read_at_the_end_of_the_stroke(visit: Visit) -> None:
    expect(visit.page.locator(".sure")).to_have_text("Nothing read yet")
    visit.draw(SEVEN)
    visit.wait_for_digit(7)
    assert visit.text(".state") == "Accepted"
    assert "CPUExecutionProvider" in visit.text(".facts")
    assert re.search(r"answered in \d+\sms", visit.text(".facts"))
    expect(visit.page.locator("#spoken")).to_contain_text("lstm reads 7")


def test_a_digit_drawn_by_touch_is_read_and_the_page_does_not_move(
    browser: Browser, shipped: Server
) -> None:
    with visiting(browser, shipped.url, **PHONE) as visit:
        before = visit.page.evaluate("scrollY")
        visit.draw_by_touch(THREE)
        visit.wait_for_digit(3)
        assert visit.page.evaluate("scrollY") == before


def test_undo_and_clear_take_back_what_was_drawn(visit: Visit) -> None:
    undo, clear = (visit.page.get_by_role("button", name=name) for name in ("Undo", "Clear"))
    expect(undo).to_be_disabled()
    visit.draw(((0.5, 0.15), (0.5, 0.5), (0.5, 0.85)))
    visit.wait_for_digit(1)
    visit.draw(((0.15, 0.2), (0.16, 0.5), (0.15, 0.8)))
    expect(visit.page.locator(".state")).to_contain_text("Not accepted")
    undo.click()
    visit.wait_for_digit(1)
    expect(visit.page.locator(".state")).to_have_text("Accepted")
    clear.click()
    expect(visit.page.locator(".sure")).to_have_text("Nothing read yet")
    undo.click()
    visit.wait_for_digit(1)


def test_a_digit_is_drawn_with_the_keyboard_alone(visit: Visit) -> None:
    press = visit.page.keyboard.press
    press("Tab")  # to the link that skips to the drawing
    expect(visit.page.locator(":focus")).to_have_text("To the drawing")
    press("Enter")
    visit.page.locator("#board").focus()
    press("Space")
    expect(visit.page.get_by_text("Draw a digit here")).to_be_hidden()
    for _ in range(18):
        press("ArrowDown")
    press("Space")
    visit.wait_for_digit(1)
    assert visit.text(".state") == "Accepted"


def test_a_photo_is_read(visit: Visit, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    ink = (255 - np.asarray(Image.fromarray(DIGITS["five"]).resize((600, 600)))) / np.float32(255)
    size = (600, 600)
    light = light_from_a_side(size, random, 0.6)[..., np.newaxis]
    paper = ink_on(sheet(size, random), ink.astype(np.float32)) * light
    photo = tmp_path / "my photo's.jpg"
    photo.write_bytes(encode(paper.clip(0, 255).astype(np.uint8), ".jpg", random))
    choose(visit, photo)
    visit.wait_for_digit(5)
    # The command names the file so that a shell takes it for one.
    assert r"image=@'my photo'\''s.jpg'" in visit.text("#curl-predict")
    assert visit.page.locator("#save").is_hidden()


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_a_picture_can_be_pasted_and_dropped(visit: Visit, way: str) -> None:
    visit.page.wait_for_selector(".reader")
    visit.page.evaluate(
        """([way, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "three.png", { type: "image/png" }));
          dispatchEvent(way === "paste" ? new ClipboardEvent(way, { clipboardData: data })
                                        : new DragEvent(way, { dataTransfer: data }));
        }""",
        [way, list(PICTURE.read_bytes())],
    )
    visit.wait_for_digit(3)


def test_a_sample_that_holds_two_digits_is_refused_in_words(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Sample: two digits").click()
    expect(visit.page.locator(".state")).to_have_text(
        "Not accepted: the picture holds more than one digit."
    )


def test_the_rows_are_played_and_the_bars_end_where_predict_does(
    visit: Visit, shipped: Server
) -> None:
    choose(visit, PICTURE)
    visit.wait_for_digit(3)
    name = visit.page.locator("#row-name")
    expect(name).to_have_text("Row 28 of 28")
    expect(visit.page.get_by_role("button", name="Play")).to_be_enabled()
    files = {"image": PICTURE.read_bytes()}
    predicted = httpx.post(f"{shipped.url}/predict", files=files, timeout=30).json()
    assert percents(visit) == pytest.approx(
        [100 * p for p in predicted["probabilities"]], abs=0.1001
    )
    visit.page.get_by_text("All numbers").click()
    table = visit.page.locator("tbody tr")
    expect(table).to_have_count(28)
    rows = [row.split() for row in table.all_inner_texts()]
    assert [int(row[0]) for row in rows] == list(range(1, 29))
    last = [float(number) for number in rows[-1][2:]]
    assert last == pytest.approx(predicted["probabilities"], abs=0.0001)


def test_the_slider_goes_back_to_any_row_and_shows_where_it_changed_its_mind(visit: Visit) -> None:
    choose(visit, PICTURE)
    expect(visit.page.locator("#row-name")).to_have_text("Row 28 of 28")
    visit.page.get_by_text("All numbers").click()
    table = visit.page.locator("tbody tr")
    expect(table).to_have_count(28)
    rows = [row.split() for row in table.all_inner_texts()]
    told = re.findall(r"(\d) from row (\d+)", visit.text(".minds"))
    assert told
    for digit, row in told:
        assert rows[int(row) - 1][1] == digit != rows[int(row) - 2][1]
    assert visit.page.locator("#ticks i").count() == len(told)
    assert visit.page.locator("tbody .changed").count() == len(told)
    slider = visit.page.get_by_role("slider", name="Row")
    slider.focus()
    visit.page.keyboard.press("Home")
    for _ in range(int(told[0][1]) - 1):
        visit.page.keyboard.press("ArrowRight")
    expect(visit.page.locator("#row-name")).to_have_text(f"Row {told[0][1]} of 28")
    expect(visit.page.locator(".bars .leading b")).to_have_text(told[0][0])
    at = rows[int(told[0][1]) - 1]
    assert percents(visit) == pytest.approx([100 * float(p) for p in at[2:]], abs=0.1101)
    expect(visit.page.locator(".changes span")).to_have_count(1)


def test_labels_of_changes_in_rows_beside_each_other_can_all_be_read(
    browser: Browser, shipped: Server
) -> None:
    found = httpx.post(f"{shipped.url}/predict?preview=true", files={"image": PICTURE.read_bytes()})
    digits = [3] * 10 + [5, 3, 8, 3] + [3] * 14  # of each row
    rows = [
        {"row": row, "digit": digit, "confidence": 0.5, "probabilities": [0.1] * 10}
        for row, digit in enumerate(digits, 1)
    ]
    events = [*(("row", row) for row in rows), ("prediction", found.json())]
    body = "".join(f"event: {event}\ndata: {json.dumps(data)}\n\n" for event, data in events)
    with visiting(browser, shipped.url, **PHONE) as visit:
        visit.page.route(
            "**/predict_rows?*",
            lambda route: route.fulfill(body=body, content_type="text/event-stream"),
        )
        visit.page.get_by_role("button", name="Sample: a three").click()
        expect(visit.page.locator("#row-name")).to_have_text("Row 28 of 28")
        labels = visit.page.locator(".changes span")
        assert labels.all_inner_texts() == ["\u21925", "\u21923", "\u21928", "\u21923"]
        tops = [box["y"] for label in labels.all() if (box := label.bounding_box())]
        assert min(np.diff(tops)) >= 10


def test_the_hidden_state_fills_from_top_to_bottom(visit: Visit) -> None:
    choose(visit, PICTURE)
    expect(visit.page.locator("#row-name")).to_have_text("Row 28 of 28")
    visit.page.get_by_role("slider", name="Row").fill("10")
    painted = visit.page.evaluate(
        """() => {
          const canvas = document.querySelector("canvas[data-part=hidden]");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, 28);
          const lines = [...Array(28).keys()];
          return lines.map((y) => data.slice(4 * canvas.width * y, 4 * canvas.width * (y + 1))
            .some((value, i) => i % 4 === 3 && value > 0));
        }"""
    )
    assert painted == [True] * 10 + [False] * 18


@pytest.mark.parametrize(
    ("motion", "after"),
    [
        ("no-preference", {100: range(1, 4), 1000: range(13, 17), 2100: range(28, 29)}),
        ("reduce", {100: range(28, 29)}),
    ],
)
def test_it_plays_for_two_seconds_or_is_there_at_once_for_those_who_prefer_less_motion(
    browser: Browser, shipped: Server, motion: str, after: dict[int, range]
) -> None:
    with visiting(browser, shipped.url, reduced_motion=motion) as visit:
        visit.page.clock.install(time=0)
        visit.page.goto(shipped.url)
        visit.page.wait_for_selector(".reader")
        visit.page.clock.pause_at(1_000_000)
        choose(visit, PICTURE)
        visit.wait_for_digit(3)
        passed = 0
        for milliseconds, rows in after.items():
            visit.page.clock.run_for(milliseconds - passed)
            passed = milliseconds
            assert int(visit.text("#row-name").split()[1]) in rows


def test_two_models_read_side_by_side(visit: Visit) -> None:
    names = visit.page.locator("#model option").all_inner_texts()
    assert {"lstm", "gru", "rnn"} <= set(names)
    visit.page.get_by_label("Compare with").select_option("gru")
    visit.page.get_by_role("button", name="Sample: a five").click()
    visit.wait_for_digit(5)
    facts = visit.page.locator(".facts").all_inner_texts()
    assert [text.split(",")[0] for text in facts] == ["lstm", "gru"]


def test_a_reading_that_a_newer_one_overtakes_at_its_very_end_leaves_it_alone(visit: Visit) -> None:
    visit.page.wait_for_selector(".reader")
    # Of the first answer only the picture is missing; it is held back until the next is asked for.
    visit.page.evaluate(
        """async () => {
          const click = (name) => document.querySelector(`[aria-label="Sample: ${name}"]`).click();
          const real = window.createImageBitmap;
          let letGo;
          const held = new Promise((holds) => {
            window.createImageBitmap = async (file) => {
              window.createImageBitmap = real;
              await new Promise((go) => {
                letGo = go;
                holds();
              });
              return real.call(window, file);
            };
          });
          click("a three");
          await held;
          click("a five");
          letGo();
        }"""
    )
    visit.wait_for_digit(5)
    expect(visit.page.get_by_role("alert")).to_be_hidden()


def test_it_works_behind_a_proxy_that_gives_it_a_path(visit: Visit, shipped: Server) -> None:
    def without_prefix(route: Route) -> None:
        route.continue_(url=route.request.url.replace("/digits/", "/"))

    visit.page.route("**/digits/**", without_prefix)
    visit.page.goto(f"{shipped.url}/digits/")
    visit.page.get_by_role("button", name="Sample: a five").click()
    visit.wait_for_digit(5)
    assert f"'{shipped.url}/digits/predict?" in visit.text("#curl-predict")


def test_the_command_gives_the_same_answer(visit: Visit, shipped: Server) -> None:
    visit.draw(SEVEN)
    visit.wait_for_digit(7)
    command = visit.text("#curl-predict")
    assert command == f"curl -F image=@digit.png '{shipped.url}/predict?model=lstm'"
    with visit.page.expect_download() as download:
        visit.page.get_by_text("Save the picture").click()
    picture = Path(download.value.path()).read_bytes()
    assert Image.open(io.BytesIO(picture)).size == (560, 560)
    files = {"image": ("digit.png", picture)}
    answer = httpx.post(f"{shipped.url}/predict", params={"model": "lstm"}, files=files).json()
    assert answer["digit"] == 7
    visit.page.get_by_role("button", name="Copy").first.click()
    expect(visit.page.locator("#spoken")).to_contain_text(re.compile("Copied|Selected"))
