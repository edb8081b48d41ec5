"""Windows and pages that a digit is drawn in: their tools, colours, buttons and words beside it."""

import cv2
import numpy as np

from tests.support.pictures.painting import BLACK, Bytes, Floats, Random, finish, ink_on
from tests.support.pictures.strokes import paint

_WORDS = ("Draw a digit", "Clear", "Guess", "Predict", "Result", "Handwritten", "File", "Edit",
          "View", "Help", "Image", "Pen size", "Untitled", "Network", "Confidence")  # fmt: skip


def paint_program(strokes: list[Floats], random: Random) -> Bytes:
    """The window of a paint program: menus, tools, a palette, and a canvas."""
    size = int(random.integers(350, 700)), int(random.integers(450, 900))
    bar = int(random.uniform(0.12, 0.22) * size[0])
    page = np.full((*size, 3), 255, np.float32)
    page[:bar] = random.uniform(225, 248)
    page[: bar // 5] = random.uniform(200, 255, 3)
    for left in range(10, int(size[1] * random.uniform(0.5, 0.95)), bar // 3):
        for row in (0.35, 0.65):
            top, side = int(row * bar), bar // 4
            page[top : top + side, left : left + side] = random.integers(0, 256, 3)
    canvas = size[0] - bar, size[1]
    ink = paint(strokes, canvas, random, random.uniform(0.35, 0.85), random.uniform(2, 12), 0.15)
    pen = (0.0, 0.0, 0.0) if random.random() < 0.6 else tuple(random.uniform(0, 200, 3).tolist())
    page[bar:] = ink_on(page[bar:], ink, pen)
    if random.random() < 0.5:
        page[-bar // 5 :] = 240
    return finish(page)


def tool_box(strokes: list[Floats], random: Random) -> Bytes:
    """The window of a drawing program: a title, tools at a side, colours below, a canvas."""
    height, width = int(random.integers(400, 800)), int(random.integers(500, 1000))
    is_dark = random.random() < 0.25
    ground = random.uniform(35, 75) if is_dark else random.uniform(190, 245)
    page = np.full((height, width, 3), ground, np.uint8)
    title, tools = int(random.integers(20, 40)), int(random.integers(36, 90))
    colours, panel = (int(random.integers(36, 64)) * int(random.random() < 0.7) for _ in range(2))
    top, left = title + 24 * int(random.random() < 0.6), tools
    bottom, right = height - colours - 18, width - 2 * panel
    if random.random() < 0.3:  # the tools are at the right
        left, right = width - right, width - left
    page[:title] = random.uniform(40, 255, 3)
    _write(page, random, 8, title - 8, 0.5)
    _icons(page, random, (top, bottom), (0, left), ground)
    _icons(page, random, (top, bottom), (right, width), ground)
    for x in range(8, int(width * random.uniform(0.4, 0.9)), colours // 2 or width):
        for y in (bottom + 4, bottom + 2 + colours // 2):
            side = colours // 2 - 4
            page[y : y + side, x : x + side] = random.uniform(0, 255, 3)
    page[bottom + colours :] = ground - 8
    if random.random() < 0.5:  # the canvas is a part of what is left
        page[top:bottom, left:right] = ground * random.uniform(0.7, 0.95)
        away = random.uniform(0.02, 0.2, 4) * min(bottom - top, right - left)
        top, left = top + int(away[0]), left + int(away[1])
        bottom, right = bottom - int(away[2]), right - int(away[3])
    _draw_canvas(page[top:bottom, left:right], strokes, random, is_black=random.random() < 0.1)
    return page


def _draw_canvas(canvas: Bytes, strokes: list[Floats], random: Random, *, is_black: bool) -> None:
    """Draw on `canvas` (h, w, 3)."""
    height, width = canvas.shape[:2]
    canvas[:] = 0 if is_black else 255
    pen = max(1.5, random.uniform(0.008, 0.08) * min(height, width))
    ink = paint(strokes, (height, width), random, random.uniform(0.35, 0.85), pen, 0.1)
    colour = (255.0,) * 3 if is_black else BLACK
    if not is_black and random.random() < 0.4:
        colour = tuple(random.uniform(0, 190, 3).tolist())
    canvas[:] = finish(ink_on(canvas.astype(np.float32), ink, colour))


def _icons(
    page: Bytes, random: Random, rows: tuple[int, int], columns: tuple[int, int], ground: float
) -> None:
    """Draw a box of tools over those rows and columns of `page`."""
    side = int(random.integers(18, 30))
    line = (0.0,) * 3 if ground > 128 else (255.0,) * 3
    for y in range(rows[0] + 4, int(rows[0] + (rows[1] - rows[0]) * 0.8) - side, side + 4):
        for x in range(columns[0] + 4, columns[1] - side, side + 4):
            middle, end = (x + side // 2, y + side // 2), (x + side - 6, y + side - 6)
            kind = random.integers(5)
            if kind == 0:
                cv2.line(page, (x + 6, y + 6), end, line, 2)
            elif kind == 1:
                cv2.rectangle(page, (x + 6, y + 6), end, line, 1)
            elif kind == 2:
                cv2.circle(page, middle, side // 3, line, 1)
            elif kind == 3:
                cv2.putText(page, "A", (x + 5, end[1]), cv2.FONT_HERSHEY_SIMPLEX, 0.5, line, 1)
            else:
                page[y + 5 : end[1], x + 5 : end[0]] = random.uniform(0, 255, 3)


def _write(page: Bytes, random: Random, x: int, y: int, tall: float) -> None:
    """Write a few words on `page` (h, w, 3) from (x, y) on."""
    ground = float(page[min(y, len(page) - 1), min(x, page.shape[1] - 1)].mean())
    colour = (20.0,) * 3 if ground > 128 else (240.0,) * 3
    words = " ".join(_WORDS[each] for each in random.integers(0, len(_WORDS), 2))
    cv2.putText(page, words, (x, y), cv2.FONT_HERSHEY_SIMPLEX, tall, colour, 1, cv2.LINE_AA)


def web_canvas(strokes: list[Floats], random: Random) -> Bytes:
    """A page with a framed canvas, a heading, buttons, and what is thought of the digit."""
    height, width = int(random.integers(420, 900)), int(random.integers(450, 1100))
    ground = random.uniform(20, 60, 3) if random.random() < 0.2 else random.uniform(215, 255, 3)
    page = np.full((height, width, 3), ground, np.uint8)
    if random.random() < 0.5:
        page[: int(random.integers(30, 70))] = random.uniform(0, 255, 3)
    side = int(random.uniform(0.35, 0.62) * min(height, width))
    top = int((height - side) * random.uniform(0.35, 0.6))
    left = int((width - side) * (0.5 if random.random() < 0.5 else random.uniform(0.05, 0.3)))
    for row in range(1, 1 + int(random.integers(0, 3))):
        _write(page, random, int(width * 0.1), top - 30 * row, random.uniform(0.5, 1))
    _draw_canvas(
        page[top : top + side, left : left + side], strokes, random,
        is_black=random.random() < 0.5,
    )  # fmt: skip
    edge, thick = tuple(random.uniform(0, 210, 3).tolist()), int(random.integers(0, 5))
    if thick:
        cv2.rectangle(page, (left, top), (left + side, top + side), edge, thick)
    below, shade = top + side + int(random.integers(8, 30)), random.uniform(0, 255, 3)
    for number in range(int(random.integers(1, 4))):
        x = left + number * (side // 3 + 8)
        page[below : below + 32, x : x + side // 3] = shade
        word = _WORDS[1 + int(random.integers(4))]
        cv2.putText(page, word, (x + 8, below + 22), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255.0,) * 3, 1)
    if random.random() < 0.5:
        _bars(page, random, top, min(left + side + 24, width))
    return page


def _bars(page: Bytes, random: Random, top: int, left: int) -> None:
    """Draw ten bars on `page` (h, w, 3), a digit beside each, as far as there is room."""
    dark = float(page[-1, 0].mean()) < 128
    for digit in range(10):
        y = top + 22 * digit
        colour = (230.0,) * 3 if dark else (40.0,) * 3
        cv2.putText(page, str(digit), (left, y + 14), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1)
        end = left + 20 + int(120 * random.random() ** 3)
        page[y : y + 14, left + 20 : end] = (70, 130, 220)
