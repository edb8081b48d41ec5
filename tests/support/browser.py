"""A real browser, Debian's chromium, and what it does on the page as a person would."""

import contextlib
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

PROGRAM = "chromium"
# Nothing of its own goes out, and no name but this machine's leads anywhere.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# What the browser itself says of an answer that the page then tells in words.
REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")

PATIENCE = 30_000  # milliseconds, for machines that do other things too
expect.set_options(timeout=PATIENCE)

Points = Sequence[tuple[float, float]]

# Of digits, in shares of the drawing's side; each a stroke.
SEVEN: Points = ((0.28, 0.22), (0.5, 0.22), (0.72, 0.22), (0.6, 0.5), (0.45, 0.84))
THREE: Points = ((0.32, 0.24), (0.5, 0.16), (0.64, 0.26), (0.58, 0.42), (0.46, 0.48),
                 (0.6, 0.52), (0.68, 0.66), (0.58, 0.8), (0.42, 0.84), (0.3, 0.76))  # fmt: skip


@dataclass
class Visit:
    """A page that is open, what it asked for and what it complained of."""

    page: Page
    origin: str
    requested: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    refusals: set[int] = field(default_factory=set)  # statuses that are part of the test

    def note(self, message: ConsoleMessage) -> None:
        found = REFUSED.match(message.text)
        if message.type in {"error", "warning"} and not (found and int(found[1]) in self.refusals):
            self.complaints.append(message.text)

    def check(self) -> None:
        """Nothing left the machine, and nothing went wrong unseen."""
        assert self.complaints == []
        elsewhere = [url for url in self.requested if not url.startswith((self.origin, "blob:"))]
        assert elsewhere == []

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def wait_for_digit(self, digit: int) -> None:
        """Until every model that is shown has read this."""
        for shown in self.page.locator(".reader .digit").all():
            expect(shown).to_have_text(str(digit))

    def draw(self, points: Points) -> None:
        """One stroke of the mouse."""
        (x, y), *others = self.places(points)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for x, y in others:
            self.page.mouse.move(x, y, steps=8)
        self.page.mouse.up()

    def draw_by_touch(self, points: Points) -> None:
        """One stroke of a finger."""
        session = self.page.context.new_cdp_session(self.page)

        def touch(kind: str, *places: tuple[float, float]) -> None:
            touched = [{"x": x, "y": y} for x, y in places]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

        first, *others = self.places(points)
        touch("touchStart", first)
        for before, after in zip([first, *others], others, strict=False):
            for step in range(1, 9):
                share = step / 8
                between = [a + share * (b - a) for a, b in zip(before, after, strict=True)]
                touch("touchMove", (between[0], between[1]))
        touch("touchEnd")

    def places(self, points: Points) -> list[tuple[float, float]]:
        """Where `points` of the drawing are in the window."""
        board = self.page.locator("#board")
        board.scroll_into_view_if_needed()
        box = board.bounding_box()
        assert box is not None
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """The browser; where there is none, the test is skipped."""
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(f"there is no {PROGRAM}; install it with `apt-get install {PROGRAM}`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextlib.contextmanager
def visiting(browser: Browser, url: str, path: str = "/", **options: Any) -> Iterator[Visit]:
    """The page at `path` of the server at `url`, in a window with `options` of playwright."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    visit = Visit(page, url)

    def requested(request: Request) -> None:
        visit.requested.append(request.url)

    page.on("console", visit.note)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("request", requested)
    page.goto(url + path)
    yield visit
    visit.check()
    context.close()
