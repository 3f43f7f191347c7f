"""Cartoon faces in grey, painted from a person, an expression and a take (``trainables.core.cast``).

A face is painted back to front on 192×192 points, hard-edged, and averaged over whole blocks of points, so its edges
are smooth. Everything is plain float64 arithmetic. Knows nothing about datasets.

Face coordinates: u to the right and v down, the face upright in them with its middle near (0, 0); the take turns and
shifts it. The frame is a little smaller than the square from −1 to 1. Tones run from 0 (black) to 1 (white).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

import numpy as np

from trainables.core.cast import Expression, Person, Take

EDGE = 192
"""Points along each side of the drawing."""
ZOOM = 1.1
"""How much of half the frame's width one unit of face coordinates takes."""
INK = 0.06

Pair = tuple[float, float]
Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Canvas:
    """192×192 tones and the face coordinates of each point, turned and shifted by a take."""

    def __init__(self, take: Take, ground: float):
        along = (np.arange(EDGE) + 0.5) * (2.0 / EDGE) - 1.0
        x, y = along[None, :] - take.right, along[:, None] - take.down
        self._cos, self._sin = np.cos(take.tilt), np.sin(take.tilt)
        self.u = (x * self._cos + y * self._sin) / ZOOM
        self.v = (y * self._cos - x * self._sin) / ZOOM
        self._centre = take.right, take.down
        self.tone = np.full((EDGE, EDGE), ground)

    def window(self, u: float, v: float, reach: Pair) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """The part of the canvas within ``reach`` of (u, v), and its points' du and dv from there."""
        x = ZOOM * (u * self._cos - v * self._sin) + self._centre[0]
        y = ZOOM * (u * self._sin + v * self._cos) + self._centre[1]
        across = ZOOM * (reach[0] * self._cos + reach[1] * abs(self._sin))
        down = ZOOM * (reach[0] * abs(self._sin) + reach[1] * self._cos)
        left, right, top, bottom = (
            min(max(int((edge + 1.0) * EDGE / 2) + more, 0), EDGE)
            for edge, more in ((x - across, -1), (x + across, 2), (y - down, -1), (y + down, 2))
        )
        part = slice(top, bottom), slice(left, right)
        return part, self.u[part] - u, self.v[part] - v

    def fill(self, u: float, v: float, reach: Pair, tone: float, inside: Inside) -> None:
        """Paint the points within ``reach`` of (u, v) for which ``inside(du, dv)`` holds."""
        part, a, b = self.window(u, v, reach)
        self.tone[part][inside(a, b)] = tone

    def ellipses(self, u: float, v: float, reach: Pair, power: float, tones: dict[float, float]) -> None:
        """Ellipses of half-axes ``reach`` times each key, one on the other; squarer for a larger ``power``."""
        part, a, b = self.window(u, v, reach)
        level = abs(a / reach[0]) ** power + abs(b / reach[1]) ** power
        for share, tone in tones.items():
            self.tone[part][level <= share**power] = tone

    def ellipse(self, u: float, v: float, reach: Pair, tone: float, power: float = 2.0) -> None:
        """One such ellipse."""
        self.ellipses(u, v, reach, power, {1.0: tone})

    def stroke(
        self, u: float, v: float, half: float, thick: float, tone: float, bend: float = 0, slope: float = 0
    ) -> None:
        """A line of half-width ``half`` and half-thickness ``thick``, its middle ``bend`` up, its right end ``slope``
        down and its ends thin."""
        reach = half, thick + abs(bend) + abs(slope)

        def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            s = np.clip(a / half, -1.0, 1.0)
            line = slope * s - bend * (1.0 - s * s)
            return (abs(b - line) <= thick * np.sqrt(1.0 - 0.8 * s * s)) & (abs(a) <= half)

        self.fill(u, v, reach, tone, inside)


def draw(person: Person, expression: Expression, take: Take, size: int) -> np.ndarray:
    """One face, uint8 (size, size). ``size`` divides 192."""
    shown = Expression(**{f.name: getattr(expression, f.name) * take.intensity for f in fields(expression)})
    canvas = Canvas(take, ground=0.96)
    _behind(canvas, person, take.shirt)
    _head(canvas, person)
    _hair(canvas, person)
    for side in (-1.0, 1.0):
        _eye(canvas, person, shown, side)
    _nose(canvas, person, shown)
    _mouth(canvas, person, shown)
    along = (np.arange(EDGE) + 0.5) * (2.0 / EDGE) - 1.0
    lit = canvas.tone * take.brightness * (1.0 + take.light * along)
    block = EDGE // size
    means = lit.reshape(size, block, size, block).mean(axis=(1, 3))
    return np.round(255.0 * np.clip(means, 0.0, 1.0)).astype(np.uint8)


EYES, NOSE, MOUTH, MIDDLE = -0.11, 0.01, 0.37, 0.03
"""Heights of the eyes, of the nose's bridge, of the mouth and of the head's middle."""


def _behind(canvas: Canvas, person: Person, shirt: float) -> None:
    """Hair behind the head, neck and shoulders."""
    width, height, shade = person.width, person.height, person.shade
    if person.hair == "long":
        canvas.ellipse(0.0, MIDDLE + 0.08, (width + 0.17, height + 0.14), shade, 3.0)
    if person.hair == "fringe":
        canvas.ellipse(0.0, MIDDLE - 0.06, (width + 0.12, height - 0.02), shade, 3.0)
    if person.hair == "bun":
        canvas.ellipse(0.0, MIDDLE - height - 0.08, (0.20, 0.17), shade)
    if person.hair == "curly":
        for angle in np.linspace(-0.15 * np.pi, 1.15 * np.pi, 13):
            u, v = (width + 0.06) * np.cos(angle), -(height + 0.02) * np.sin(angle)
            canvas.ellipse(u, MIDDLE + v, (0.19, 0.17), shade)
    if person.hair == "spiky":
        angles = np.linspace(0.22 * np.pi, 0.78 * np.pi, 6)
        for angle in angles:
            u, v = width * np.cos(angle), MIDDLE - height * np.sin(angle)
            canvas.fill(u, v, (0.16, 0.24), shade, lambda a, b: abs(a) <= 0.13 * (b + 0.24) / 0.26)
    canvas.ellipse(0.0, 0.98, (0.80, 0.28), shirt, 2.5)
    canvas.ellipse(0.0, 0.74, (0.20, 0.20), 0.8 * person.skin, 4.0)


def _head(canvas: Canvas, person: Person) -> None:
    width, height = person.width, person.height
    for side in (-1.0, 1.0):
        canvas.ellipse(side * width, MIDDLE - 0.02, (0.08, 0.13), 0.82 * person.skin)
    skin = person.skin
    canvas.ellipses(0.0, MIDDLE, (width, height), person.jaw, {1.0: 0.86 * skin, 0.93: 0.95 * skin, 0.84: skin})
    if person.beard == "full":

        def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            face = abs(a / width) ** person.jaw + abs(b / height) ** person.jaw <= 1.0
            return face & (b > 0.12 + 0.35 * (1.0 - (a / width) ** 2) - 0.34 * (a / width) ** 2)

        canvas.fill(0.0, MIDDLE, (width, height), person.shade, inside)


def _hair(canvas: Canvas, person: Person) -> None:
    """The hair before the head: what of a slightly larger head lies above a line."""
    if person.hair == "bald":
        return
    width, height = person.width + 0.03, person.height + 0.04
    # The lowest hair at s, −1 to 1 across the head; products of s because powers are slow.
    lines: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "short": lambda s, s2: -0.62 + 0.42 * s2 * s2,
        "parted": lambda s, s2: -0.74 + 0.42 * abs(s + 0.45) + 0.3 * s2 * s2 * s2,
        "fringe": lambda s, s2: -0.45 + 0.04 * np.cos(9.0 * s) + 0.5 * s2 * s2 * s2 * s2,
        "long": lambda s, s2: -0.78 + 0.55 * abs(s) + 0.45 * s2 * s2 * s2,
        "curly": lambda s, s2: -0.60 + 0.05 * np.cos(14.0 * s) + 0.35 * s2 * s2,
        "bun": lambda s, s2: -0.72 + 0.5 * s2,
        "spiky": lambda s, s2: -0.64 + 0.14 * abs((3.5 * s) % 1.0 - 0.5) + 0.10 * s2 * s2 * s2,
    }

    def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        s = a / width
        b = b - 0.5 * height
        head = abs(s) ** person.jaw + abs(b / height) ** person.jaw <= 1.0
        return head & (b / height < np.minimum(lines[person.hair](s, s * s), 0.0))

    canvas.fill(0.0, MIDDLE - 0.5 * height, (width, 0.5 * height), person.shade, inside)


def _eye(canvas: Canvas, person: Person, shown: Expression, side: float) -> None:
    """Eye, brow and glass of one side, −1 left and 1 right."""
    u, half = side * person.gap, person.eye
    open_ = 0.62 * half * (1.0 + shown.wide)
    low = open_ * (1.0 - shown.squint)
    lean = side * shown.droop

    def edges(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        s = np.clip(a / half, -1.0, 1.0)
        bow = np.sqrt(1.0 - s * s)
        return lean * s - open_ * bow, lean * s + low * bow

    def ball(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        top, bottom = edges(a)
        return (b >= top) & (b <= bottom) & (abs(a) <= half)

    def disc(radius: float) -> Inside:
        return lambda a, b: ball(a, b) & (a * a + b * b <= radius * radius)

    def lid(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (abs(b - edges(a)[0]) <= 0.022) & (abs(a) <= half)

    reach = half, open_ + abs(lean) + 0.03
    canvas.fill(u, EYES, reach, 0.97, ball)
    canvas.fill(u, EYES, reach, 0.30, disc(0.47 * half))
    canvas.fill(u, EYES, reach, INK, disc(0.26 * half))
    canvas.fill(u, EYES, reach, INK, lid)
    height = EYES - 0.62 * half - 0.10 - shown.lift
    canvas.stroke(
        u, height, half + 0.05, person.brow, min(0.8 * person.shade, 0.3), 0.03 + shown.arch, side * shown.slope
    )
    if person.glasses:
        ring, rim = half + 0.055, 0.025
        canvas.fill(u, EYES, (ring, ring), INK, lambda a, b: abs(np.hypot(a, b) - ring + rim) <= rim)
        canvas.stroke(side * 0.02, EYES, person.gap - ring + 0.04, 0.022, INK)


def _nose(canvas: Canvas, person: Person, shown: Expression) -> None:
    tone = 0.66 * person.skin
    tip = NOSE + person.nose - 0.04 * shown.wrinkle
    canvas.fill(0.035, tip - 0.5 * person.nose, (0.02, 0.5 * person.nose), tone, lambda a, b: abs(a) <= 0.012)
    canvas.stroke(0.0, tip, 0.085 + 0.03 * shown.wrinkle, 0.030, tone, -0.03)
    if shown.wrinkle > 0.0:
        for side in (-1.0, 1.0):
            canvas.stroke(side * 0.05, EYES - 0.10, 0.035, 0.03 * shown.wrinkle, tone, 0.0, -side * 0.06)
            if shown.wrinkle > 0.6:
                canvas.stroke(side * 0.20, tip + 0.04, 0.08, 0.026, tone, 0.02, side * 0.10)


def _mouth(canvas: Canvas, person: Person, shown: Expression) -> None:
    """Lips around an opening, dark but for the teeth."""
    half = person.lips * (1.0 + shown.stretch)
    thick = 0.026

    def edges(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        s = np.clip(a / half, -1.0, 1.0)
        corners, bow = -shown.smile * s * s + shown.skew * s, (1.0 - s * s) ** (1.0 - 0.5 * shown.round)
        return corners - shown.upper * bow, corners + shown.lower * bow

    def lips(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        top, bottom = edges(a)
        return (b >= top - thick) & (b <= bottom + 1.2 * thick) & (abs(a) <= half)

    def gap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        top, bottom = edges(a)
        return (b > top + 0.4 * thick) & (b < bottom - 0.4 * thick) & (abs(a) <= half)

    def teeth(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        top, bottom = edges(a)
        return gap(a, b) & (b < top + shown.teeth * (bottom - top))

    reach = half, abs(shown.smile) + abs(shown.skew) + max(abs(shown.upper), abs(shown.lower)) + 0.05
    v = MOUTH + 0.04 * (person.nose - 0.25)
    if person.beard:
        canvas.stroke(0.0, v - 0.11, person.lips + 0.05, 0.045, person.shade, 0.04)
    canvas.fill(0.0, v, reach, 0.45 * person.skin, lips)
    canvas.fill(0.0, v, reach, INK, gap)
    if shown.teeth > 0.0:
        canvas.fill(0.0, v, reach, 0.95, teeth)
