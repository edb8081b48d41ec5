"""Pictures as people send them, made from small digits: one function per kind of damage, by name.

    data = draw("squared", digit, seed=3)      # PNG or JPEG bytes, the same for the same seed

`digit` is (28, 28) or (8, 8), light ink on dark, of any scale: MNIST's or scikit-learn's.
"""

import zlib
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.pictures.painting import (
    BLACK,
    Bytes,
    Floats,
    Random,
    encode,
    enlarge,
    finish,
    folds,
    ink_on,
    layer,
    light_from_a_side,
    ruling,
    shadow,
    sheet,
    smooth_noise,
    warp,
)  # fmt: skip

Kind = Callable[[Floats, Random], Bytes]


def draw(kind: str, digit: NDArray[np.generic], seed: int) -> bytes:
    """The encoded picture of `digit` with that damage: PNG, or JPEG for `jpeg` and `mixed`."""
    ink = digit.astype(np.float32)
    ink /= max(float(ink.max()), 1e-6)
    random = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    pixels = KINDS[kind](ink, random)
    return encode(pixels, ".jpg" if kind in ("jpeg", "mixed") else ".png", random)


def own_size(digit: Floats, random: Random) -> Bytes:
    """As it came, 28 x 28 or 8 x 8, in either polarity."""
    return finish(255 * digit if random.random() < 0.5 else 255 - 255 * digit)


def clean(digit: Floats, random: Random) -> Bytes:
    return finish(255 - 255 * layer(digit, random))


def light_on_dark(digit: Floats, random: Random) -> Bytes:
    return finish(20 + 225 * layer(digit, random))


def paper(digit: Floats, random: Random) -> Bytes:
    return finish(ink_on(sheet((300, 300), random), layer(digit, random)))


def uneven_light(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random))
    return finish(picture * light_from_a_side((300, 300), random, 0.3)[..., np.newaxis])


def strong_shadow(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random))
    return finish(picture * shadow((300, 300), random, 0.4)[..., np.newaxis])


def creased(digit: Floats, random: Random) -> Bytes:
    """Paper that was folded, and written on with a dark pen."""
    size = (300, 300)
    pen = BLACK if random.random() < 0.5 else (30.0, 40.0, 140.0)
    return finish(
        ink_on(sheet(size, random), layer(digit, random), pen) * folds(size, random)[..., None]
    )


def blur(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random))
    return finish(np.asarray(cv2.GaussianBlur(picture, (0, 0), random.uniform(3, 6)), np.float32))


def motion(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random))
    kernel = np.zeros((15, 15), np.float32)
    x, y = random.uniform(-7, 7, 2).astype(int) + 7
    cv2.line(kernel, (int(x), int(y)), (14 - int(x), 14 - int(y)), 1.0)
    return finish(np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32))


def perspective(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random))
    corners = np.array([[0, 0], [300, 0], [300, 300], [0, 300]], np.float32)
    moved = (corners + random.uniform(-45, 45, (4, 2))).astype(np.float32)
    return finish(warp(picture, cv2.getPerspectiveTransform(corners, moved).astype(np.float64)))


def rotation(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random))
    turn = cv2.getRotationMatrix2D((150, 150), float(random.uniform(-15, 15)), 1)
    return finish(warp(picture, np.vstack([turn, [0, 0, 1]])))


def noise(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random, 200), layer(digit, random))
    return finish(picture + random.normal(0, random.uniform(15, 40), picture.shape))


def jpeg(digit: Floats, random: Random) -> Bytes:
    return uneven_light(digit, random)


def ruled(digit: Floats, random: Random) -> Bytes:
    return _printed(digit, random, squared=False)


def squared(digit: Floats, random: Random) -> Bytes:
    return _printed(digit, random, squared=True)


def _printed(digit: Floats, random: Random, *, squared: bool) -> Bytes:
    lines = ruling((300, 300), random, squared=squared) * random.uniform(0.3, 1)
    colour = (110.0, 130.0, 190.0) if random.random() < 0.6 else (120.0, 120.0, 120.0)
    picture = ink_on(sheet((300, 300), random), np.asarray(lines, np.float32), colour)
    pen = (BLACK, (30.0, 40.0, 140.0), (70.0, 70.0, 75.0))[random.integers(3)]
    return finish(ink_on(picture, layer(digit, random), pen))


def frame(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random, tall=(0.5, 0.65)))
    inset, thick = int(random.integers(2, 30)), int(random.integers(1, 5))
    cv2.rectangle(picture, (inset, inset), (299 - inset, 299 - inset), BLACK, thick)
    return finish(picture)


def thick_frame(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random, tall=(0.5, 0.65)))
    thick = int(random.integers(12, 45))
    for side in (np.s_[:thick], np.s_[-thick:], np.s_[:, :thick], np.s_[:, -thick:]):
        picture[side] = random.uniform(0, 60)
    return finish(picture)


def table(digit: Floats, random: Random) -> Bytes:
    """A sheet on a darker table, whose edges are in the picture."""
    picture = ink_on(sheet((300, 300), random), layer(digit, random, tall=(0.45, 0.6)))
    corners = np.array([[0, 0], [300, 0], [300, 300], [0, 300]], np.float32)
    inner = corners + np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * random.uniform(0, 60, (4, 2))
    matrix = cv2.getPerspectiveTransform(corners, inner.astype(np.float32))
    on_table = cv2.warpPerspective(picture, matrix, (300, 300), borderValue=(70, 90, 120))
    return finish(np.asarray(on_table + random.normal(0, 3, (300, 300, 1)), np.float32))


def specks(digit: Floats, random: Random) -> Bytes:
    picture = ink_on(sheet((300, 300), random), layer(digit, random))
    for x, y in random.integers(0, 300, (40, 2)).tolist():
        cv2.circle(picture, (x, y), int(random.integers(1, 3)), BLACK, -1)
    return finish(picture)


def faint_pencil(digit: Floats, random: Random) -> Bytes:
    ink = layer(thinned(digit, random), random)
    rough = 0.75 + 0.25 * random.random((300, 300), np.float32)
    light = sheet((300, 300), random, 215) * light_from_a_side((300, 300), random, 0.7)[..., None]
    return finish(light * (1 - (ink * rough * random.uniform(0.15, 0.35))[..., np.newaxis]))


def coloured_pen(digit: Floats, random: Random) -> Bytes:
    pens = (
        (205.0, 30.0, 40.0), (240.0, 215.0, 40.0), (50.0, 160.0, 70.0),
        (60.0, 90.0, 220.0), (245.0, 130.0, 190.0), (250.0, 150.0, 30.0),
    )  # fmt: skip
    return finish(
        ink_on(sheet((300, 300), random), layer(digit, random), pens[random.integers(len(pens))])
    )


def chalkboard(digit: Floats, random: Random) -> Bytes:
    board = np.array([45, 85, 60]) if random.random() < 0.6 else np.array([50, 50, 52])
    smear = 8 * smooth_noise((300, 300), random, 6) + random.normal(0, 3, (300, 300))
    dusty = 0.55 + 0.45 * random.random((300, 300), np.float32)
    slate = (board + smear[..., np.newaxis]).astype(np.float32)
    return finish(ink_on(slate, layer(digit, random) * dusty, (225.0, 225.0, 215.0)))


def tiny(digit: Floats, random: Random) -> Bytes:
    size = (1200, 900)
    ink = layer(digit, random, size, tall=(0.05, 0.1), drift=0.3)
    light = light_from_a_side(size, random, 0.6)[..., np.newaxis]
    return finish(ink_on(sheet(size, random), ink) * light)


def small(digit: Floats, random: Random) -> Bytes:
    """Few pixels: 28 x 28 and less, dark on light."""
    side = int(random.integers(16, 40))
    return finish(255 - 255 * layer(digit, random, (side, side), tall=(0.9, 1.1), drift=0.02))


def huge(digit: Floats, random: Random) -> Bytes:
    ink = layer(digit, random, tall=(1.2, 1.38), drift=0.0)
    return finish(ink_on(sheet((300, 300), random), ink))


def off_centre(digit: Floats, random: Random) -> Bytes:
    ink = layer(digit, random, (360, 480), tall=(0.3, 0.45), drift=0.4)
    return finish(ink_on(sheet((360, 480), random), ink))


def broken(digit: Floats, random: Random) -> Bytes:
    """Strokes with gaps across them, as of a dry pen."""
    ink = layer(digit, random)
    y, x = np.argwhere(ink > 0.5)[random.integers(0, int((ink > 0.5).sum()), 2)].T.tolist()
    for at in zip(x, y, strict=True):
        angle = random.uniform(0, np.pi)
        along = np.array([np.cos(angle), np.sin(angle)]) * 25
        start, end = (np.array(at) - along).astype(int), (np.array(at) + along).astype(int)
        cv2.line(ink, start.tolist(), end.tolist(), 0.0, int(random.integers(3, 7)))
    return finish(ink_on(sheet((300, 300), random), ink))


def texture(digit: Floats, random: Random) -> Bytes:
    """Rough paper or wood."""
    grain = 10 * smooth_noise((300, 300), random, 60) + 8 * smooth_noise((300, 300), random, 20)
    grain += 6 * np.repeat(smooth_noise((300, 1), random, 50), 300, axis=1)
    wood = np.array([200, 175, 140]) + grain[..., np.newaxis]
    return finish(ink_on(wood.astype(np.float32), layer(digit, random)))


def thinned(digit: Floats, random: Random) -> Floats:
    """The digit drawn with a thin line along the middle of its strokes, (280, 280)."""
    middle = skeleton(enlarge(digit, 140) > 0.5)
    large = cv2.resize((~middle).astype(np.uint8), (280, 280), interpolation=cv2.INTER_NEAREST)
    away = cv2.GaussianBlur(cv2.distanceTransform(large, cv2.DIST_L2, 5), (0, 0), 1.5)
    return np.asarray(
        1 / (1 + np.exp(np.minimum(2 * (away - random.uniform(2, 3.5)), 30))), dtype=np.float32
    )


def skeleton(shape: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Zhang and Suen's thinning of (h, w)."""
    thin = np.pad(shape, 1)
    turns = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    changed = True
    while changed:
        changed = False
        for first, second in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):
            around = np.stack([np.roll(thin, (-y, -x), (0, 1)) for y, x in turns])
            filled = around.sum(axis=0)
            steps = (~around & np.roll(around, -1, axis=0)).sum(axis=0)
            gone = thin & (filled >= 2) & (filled <= 6) & (steps == 1)
            gone &= ~around[list(first)].all(axis=0) & ~around[list(second)].all(axis=0)
            changed |= bool(gone.any())
            thin = thin & ~gone
    return thin[1:-1, 1:-1]


def thin(digit: Floats, random: Random) -> Bytes:
    """A mouse drawing: one thin dark line on white, not antialiased."""
    ink = layer(thinned(digit, random), random)
    return finish(np.asarray(255 * (ink < 0.5), dtype=np.float32))


def thick(digit: Floats, random: Random) -> Bytes:
    """A fat marker."""
    ink = layer(digit, random)
    fat = int(random.integers(7, 13))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (fat, fat))
    return finish(
        ink_on(sheet((300, 300), random), np.asarray(cv2.dilate(ink, kernel), np.float32))
    )


def alpha(digit: Floats, random: Random) -> Bytes:
    """Ink of any colour but white on nothing."""
    ink = layer(digit, random)
    colour = np.broadcast_to(random.integers(0, 140, 3), (300, 300, 3))
    return finish(np.concatenate([colour, 255 * ink[..., np.newaxis]], axis=2).astype(np.float32))


def screenshot(digit: Floats, random: Random) -> Bytes:
    """A drawing program: a white canvas below a grey bar with buttons."""
    picture = ink_on(np.full((420, 560, 3), 255, np.float32), layer(digit, random, (420, 560)))
    picture[:36] = 60
    for left in range(12, 300, 40):
        picture[10:26, left : left + 24] = random.integers(90, 230, 3)
    return finish(picture)


def note(digit: Floats, random: Random) -> Bytes:
    """A slip of coloured paper, askew on a desk."""
    size, side = (480, 360), 200
    desk = sheet(size, random, random.uniform(60, 140), tint=25)
    grain = 6 * smooth_noise(size, random, 12)[..., np.newaxis]
    slip = ink_on(
        sheet((side, side), random, 215, tint=25),
        layer(digit, random, (side, side), tall=(0.5, 0.75)),
    )
    middle = random.uniform((120, 140), (240, 340))
    centre, size_of_it = (side / 2, side / 2), random.uniform(0.7, 1)
    turn = np.asarray(cv2.getRotationMatrix2D(centre, random.uniform(-15, 15), size_of_it))
    turn[:, 2] = turn[:, 2] + middle - side / 2
    lying = cv2.warpAffine(slip, turn, size[::-1])
    covered = cv2.warpAffine(np.ones((side, side), np.float32), turn, size[::-1])[..., np.newaxis]
    light = light_from_a_side(size, random, 0.7)[..., np.newaxis]
    return finish(((desk + grain) * (1 - covered) + lying * covered) * light)


def web_page(digit: Floats, random: Random) -> Bytes:
    """A page that digits are drawn in: a bar, a heading, a canvas, and buttons below it."""
    page = np.full((420, 560, 3), random.integers(215, 256), np.uint8)
    page[:36] = random.integers(30, 120, 3)
    cv2.putText(page, "Draw a digit", (190, 76), cv2.FONT_HERSHEY_SIMPLEX, 0.9, BLACK, 2)
    side = int(random.integers(180, 240))
    left, top = 280 - side // 2, 100
    ink = layer(digit, random, (side, side))[..., np.newaxis]
    drawn = 10 + 240 * ink if random.random() < 0.5 else 255 - 250 * ink
    page[top : top + side, left : left + side] = finish(drawn)
    cv2.rectangle(page, (left, top), (left + side, top + side), (90.0, 90.0, 90.0), 2)
    for at, name in ((left, "Clear"), (left + side - 80, "Guess")):
        cv2.rectangle(page, (at, 360), (at + 80, 392), (40.0, 110.0, 200.0), -1)
        cv2.putText(page, name, (at + 12, 382), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255.0,) * 3, 1)
    return page


def finger(digit: Floats, random: Random) -> Bytes:
    """A sheet that somebody holds: a finger lies over its edge."""
    size = (300, 300)
    picture = ink_on(sheet(size, random), layer(digit, random, tall=(0.4, 0.55)))
    angle = random.uniform(0, 2 * np.pi)
    away = np.array((np.cos(angle), np.sin(angle)))
    tip, root = (tuple((150 + far * away).astype(int).tolist()) for far in (140, 260))
    over = np.zeros(size, np.float32)
    cv2.line(over, tip, root, 1.0, int(random.integers(40, 70)), cv2.LINE_AA)
    skin = (205.0, 160.0, 135.0) if random.random() < 0.5 else (120.0, 85.0, 65.0)
    return finish(ink_on(picture, np.asarray(cv2.GaussianBlur(over, (0, 0), 2), np.float32), skin))


def mixed(digit: Floats, random: Random) -> Bytes:
    """A quick photo: printed lines or none, any pen, uneven light, askew, unsharp and noisy."""
    size = (480, 360)
    picture = sheet(size, random, 225)
    if random.random() < 0.5:
        lines = ruling(size, random, squared=bool(random.random() < 0.5)) * random.uniform(0.2, 0.6)
        picture = ink_on(picture, np.asarray(lines, np.float32), (120.0, 135.0, 180.0))
    pen = (BLACK, (30.0, 40.0, 140.0), (190.0, 40.0, 50.0), (85.0, 85.0, 90.0))[random.integers(4)]
    picture = ink_on(picture, layer(digit, random, size, (0.4, 0.75), 0.15), pen)
    height, width = size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = (corners + random.uniform(-20, 20, (4, 2))).astype(np.float32)
    picture = warp(picture, cv2.getPerspectiveTransform(corners, moved).astype(np.float64))
    picture *= light_from_a_side(size, random, 0.45)[..., np.newaxis]
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.5, 2)), np.float32)
    return finish(picture + random.normal(0, 6, picture.shape))


KINDS: dict[str, Kind] = {
    kind.__name__: kind
    for kind in (
        own_size, clean, light_on_dark, paper, uneven_light, strong_shadow, creased, blur, motion,
        perspective, rotation, noise, jpeg, ruled, squared, frame, thick_frame, table, specks,
        faint_pencil, coloured_pen, chalkboard, tiny, small, huge, off_centre, broken, texture,
        thin, thick, alpha, screenshot, web_page, note, finger, mixed,
    )
}  # fmt: skip
