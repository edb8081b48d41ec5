"""Pictures as people send them, made from small digits: one function per kind of damage, by name.

    data = draw("squared", digit, seed=3)      # PNG or JPEG bytes, the same for the same seed

`digit` is (28, 28) or (8, 8), light ink on dark, of any scale: MNIST's or scikit-learn's.
"""

import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Random = np.random.Generator
Kind = Callable[[Floats, Random], Bytes]

BLACK = (25.0, 25.0, 30.0)


def draw(kind: str, digit: NDArray[np.generic], seed: int) -> bytes:
    """The encoded picture of `digit` with that damage: PNG, or JPEG for `jpeg` and `mixed`."""
    ink = digit.astype(np.float32)
    ink /= max(float(ink.max()), 1e-6)
    random = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    pixels = KINDS[kind](ink, random)
    return encode(pixels, ".jpg" if kind in ("jpeg", "mixed") else ".png", random)


def encode(pixels: Bytes, suffix: str, random: Random) -> bytes:
    """`pixels` (h, w), (h, w, 3) RGB or (h, w, 4) RGBA as the bytes of a file."""
    if pixels.ndim == 3:
        swap = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
        pixels = np.asarray(cv2.cvtColor(pixels, swap), dtype=np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(12, 50))]
    _, data = cv2.imencode(suffix, pixels, quality if suffix == ".jpg" else [])
    return data.tobytes()


# The pieces that pictures are made of.


def enlarge(digit: Floats, height: int) -> Floats:
    """The digit (28, 28) or (8, 8) in [0, 1] with smooth strokes, `height` pixels tall."""
    blurred = cv2.GaussianBlur(digit, (3, 3), 0.6) if len(digit) > 8 else digit
    large = cv2.resize(blurred, (height, height), interpolation=cv2.INTER_CUBIC)
    steep = 10 * max(1.0, height / 150)
    ink = 1.1 / (1 + np.exp(-steep * (large - 0.4))) - 0.05
    return np.asarray(np.clip(ink, 0, 1), dtype=np.float32)


def layer(
    digit: Floats,
    random: Random,
    size: tuple[int, int] = (300, 300),
    tall: tuple[float, float] = (0.55, 0.85),
    drift: float = 0.08,
) -> Floats:
    """Ink (h, w) in [0, 1] of the digit somewhere about the middle.

    `tall` is the range of the 28 rows' height and `drift` the most that the middle is off, both
    shares of the shorter side.
    """
    height, width = size
    side = int(min(size) * random.uniform(*tall))
    ink = enlarge(digit, side)
    x, y = random.uniform(-drift, drift, 2) * min(size)
    shift = np.array([[1, 0, (width - side) / 2 + x], [0, 1, (height - side) / 2 + y]], np.float32)
    return np.asarray(cv2.warpAffine(ink, shift, (width, height)), dtype=np.float32)


def sheet(size: tuple[int, int], random: Random, light: float = 235, tint: float = 8) -> Floats:
    """Even paper (h, w, 3), a little tinted and grainy."""
    colour = light + random.uniform(-tint, tint, 3)
    grain = random.normal(0, 2, (*size, 1))
    return np.asarray(colour + grain, dtype=np.float32)


def ink_on(paper: Floats, ink: Floats, colour: tuple[float, float, float] = BLACK) -> Floats:
    """`paper` (h, w, 3) painted with `colour` where `ink` (h, w) is 1."""
    return paper + ink[..., np.newaxis] * (np.asarray(colour, np.float32) - paper)


def finish(picture: NDArray[np.floating[Any]]) -> Bytes:
    return np.asarray(np.clip(picture, 0, 255) + 0.5).astype(np.uint8)


def smooth_noise(size: tuple[int, int], random: Random, cells: int) -> Floats:
    """(h, w) about normal, varying over a `cells`-th of the picture."""
    coarse = random.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def light_from_a_side(size: tuple[int, int], random: Random, least: float) -> Floats:
    """(h, w) in [`least`, 1]: light that falls off in some direction, and unevenly."""
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    ramp = np.cos(angle) * x / size[1] + np.sin(angle) * y / size[0]
    ramp += 0.15 * smooth_noise(size, random, 4)
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    return np.asarray(least + (1 - least) * ramp, dtype=np.float32)


def shadow(size: tuple[int, int], random: Random, depth: float) -> Floats:
    """(h, w): `depth` on one side of a slightly soft, slanted edge, 1 on the other."""
    angle = random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    beyond = np.cos(angle) * (x / size[1] - 0.5) + np.sin(angle) * (y / size[0] - 0.5)
    edge = 1 / (1 + np.exp(-(beyond - random.uniform(-0.2, 0.2)) * random.uniform(30, 150)))
    return np.asarray(1 - (1 - depth) * edge, dtype=np.float32)


def ruling(size: tuple[int, int], random: Random, *, squared: bool) -> Floats:
    """(h, w) ink of printed lines, a little aslant."""
    gap = int(random.uniform(0.06, 0.14) * size[0])
    thick = int(random.integers(1, 3))
    slant = np.tan(np.radians(random.uniform(-2.5, 2.5)))
    start = int(random.integers(0, gap))
    lines = np.zeros(size, np.float32)
    height, width = size
    for at in range(start - gap * 4, max(size) + gap * 4, gap):
        drop = int(slant * width)
        cv2.line(lines, (0, at), (width, at + drop), 1.0, thick, cv2.LINE_AA)
        if squared:
            cv2.line(lines, (at, 0), (at - int(slant * height), height), 1.0, thick, cv2.LINE_AA)
    return np.clip(lines, 0, 1)


def warp(picture: Floats, matrix: NDArray[np.float64]) -> Floats:
    size = picture.shape[1], picture.shape[0]
    return np.asarray(
        cv2.warpPerspective(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


# The kinds of damage.


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
    ground = (board + smear[..., np.newaxis]).astype(np.float32)
    return finish(ink_on(ground, layer(digit, random) * dusty, (225.0, 225.0, 215.0)))


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
    ground = np.array([200, 175, 140]) + grain[..., np.newaxis]
    return finish(ink_on(ground.astype(np.float32), layer(digit, random)))


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
        clean, light_on_dark, paper, uneven_light, strong_shadow, blur, motion, perspective,
        rotation, noise, jpeg, ruled, squared, frame, thick_frame, table, specks, faint_pencil,
        coloured_pen, chalkboard, tiny, small, huge, off_centre, broken, texture, thin, thick,
        alpha, screenshot, mixed,
    )
}  # fmt: skip
