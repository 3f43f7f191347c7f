"""Cartoon faces in grey: ten persons, seven expressions, and takes that differ a little.

A face is painted back to front on 192×192 points, hard-edged, and averaged over whole blocks of points, so its edges
are smooth. Everything is plain float64 arithmetic. Knows nothing about datasets.

Face coordinates: the frame is the square from −1 to 1, u to the right and v down; the face is upright in them and
the take turns and shifts it. Tones run from 0 (black) to 1 (white).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

EDGE = 192
"""Points along each side of the drawing."""
INK = 0.06

Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Person:
    """What stays the same in every image of a person; lengths in face coordinates."""

    width: float
    """Half the head's width, cheek to cheek."""
    height: float
    """Half the head's height."""
    jaw: float
    """Exponent of the outline: 2 is an ellipse, more is squarer."""
    skin: float
    hair: str
    """One of ``HAIR``."""
    shade: float
    """Tone of hair and brows."""
    gap: float
    """Half the distance between the eyes."""
    eye: float
    """Half an eye's width."""
    nose: float
    """Length."""
    lips: float
    """Half the mouth's width at rest."""
    brow: float
    """Half a brow's thickness."""
    glasses: bool = False
    beard: str = ""
    """Nothing, ``moustache`` or ``full``."""
    shirt: float = 0.4


@dataclass(frozen=True, kw_only=True)
class Expression:
    """What an expression moves, as differences from a face at rest."""

    lift: float = 0.0
    """Brows up."""
    slope: float = 0.0
    """Inner ends of the brows up."""
    arch: float = 0.0
    """Middle of the brows up."""
    wide: float = 0.0
    """Eyes opened, as a share; negative narrows them."""
    droop: float = 0.0
    """Outer corners of the eyes down."""
    squint: float = 0.0
    """Lower lids up, as a share."""
    stretch: float = 0.0
    """Mouth wider, as a share."""
    smile: float = 0.0
    """Corners of the mouth up."""
    upper: float = 0.0
    """Middle of the upper lip up."""
    lower: float = 0.0
    """Middle of the lower lip down."""
    teeth: float = 0.0
    """Share of the open mouth that shows teeth."""
    skew: float = 0.0
    """One corner of the mouth up, the other down."""
    wrinkle: float = 0.0
    """Folds beside the nose and between the brows."""


@dataclass(frozen=True, kw_only=True)
class Take:
    """What differs between images of one person with one expression."""

    right: float = 0.0
    down: float = 0.0
    """Shift in face coordinates; a pixel of 48 is 1/24."""
    tilt: float = 0.0
    """Radians, clockwise."""
    brightness: float = 1.0
    light: float = 0.0
    """Brighter on the right and darker on the left, as a share at the frame's edge."""
    intensity: float = 1.0
    """How much of the expression is shown."""


HAIR = ("bald", "short", "parted", "fringe", "long", "curly", "bun", "spiky")

PERSONS = (
    Person(width=.56, height=.70, jaw=2.2, skin=.80, hair="short", shade=.16, gap=.23, eye=.125, nose=.26, lips=.20,
           brow=.030, shirt=.35),
    Person(width=.50, height=.72, jaw=2.0, skin=.88, hair="long", shade=.28, gap=.21, eye=.145, nose=.20, lips=.17,
           brow=.018, shirt=.62),
    Person(width=.62, height=.66, jaw=2.5, skin=.68, hair="bald", shade=.22, gap=.25, eye=.115, nose=.30, lips=.23,
           brow=.042, beard="full", shirt=.50),
    Person(width=.52, height=.68, jaw=2.1, skin=.84, hair="fringe", shade=.12, gap=.22, eye=.135, nose=.21, lips=.18,
           brow=.022, glasses=True, shirt=.25),
    Person(width=.58, height=.68, jaw=2.2, skin=.55, hair="curly", shade=.10, gap=.25, eye=.135, nose=.24, lips=.23,
           brow=.030, shirt=.70),
    Person(width=.53, height=.74, jaw=2.3, skin=.76, hair="parted", shade=.40, gap=.20, eye=.115, nose=.32, lips=.19,
           brow=.034, beard="moustache", shirt=.30),
    Person(width=.51, height=.66, jaw=1.9, skin=.72, hair="bun", shade=.20, gap=.22, eye=.140, nose=.19, lips=.19,
           brow=.018, shirt=.45),
    Person(width=.57, height=.72, jaw=2.6, skin=.82, hair="spiky", shade=.50, gap=.24, eye=.120, nose=.25, lips=.22,
           brow=.026, shirt=.20),
    Person(width=.60, height=.70, jaw=2.1, skin=.60, hair="short", shade=.66, gap=.22, eye=.120, nose=.28, lips=.20,
           brow=.036, glasses=True, shirt=.55),
    Person(width=.55, height=.65, jaw=1.9, skin=.90, hair="long", shade=.58, gap=.26, eye=.140, nose=.18, lips=.21,
           brow=.024, shirt=.40),
)  # fmt: skip

EXPRESSIONS = {
    "anger": Expression(lift=-.07, slope=-.15, wide=-.25, droop=-.05, stretch=.05, smile=-.05, upper=.03, lower=.05,
                        teeth=1.0, wrinkle=.5),
    "disgust": Expression(lift=-.045, slope=-.05, wide=-.45, squint=.5, stretch=-.05, smile=-.07, upper=.065, lower=.0,
                          skew=.075, wrinkle=1.0),
    "fear": Expression(lift=.07, slope=.10, wide=.40, stretch=.30, smile=-.07, upper=.02, lower=.09, teeth=.45),
    "happiness": Expression(lift=.02, arch=.03, wide=-.15, squint=.35, stretch=.50, smile=.13, upper=-.07, lower=.16,
                            teeth=.40),
    "neutral": Expression(),
    "sadness": Expression(lift=.03, slope=.13, wide=-.30, droop=.07, stretch=-.10, smile=-.11, lower=-.06, upper=.06),
    "surprise": Expression(lift=.12, arch=.06, wide=.55, stretch=-.35, upper=.08, lower=.20),
}  # fmt: skip


class Canvas:
    """192×192 tones and the face coordinates of each point, turned and shifted by a take."""

    def __init__(self, take: Take, ground: float):
        along = (np.arange(EDGE) + 0.5) * (2.0 / EDGE) - 1.0
        x, y = along[None, :] - take.right, along[:, None] - take.down
        self._cos, self._sin = np.cos(take.tilt), np.sin(take.tilt)
        self.u = x * self._cos + y * self._sin
        self.v = y * self._cos - x * self._sin
        self._centre = take.right, take.down
        self.tone = np.full((EDGE, EDGE), ground)

    def fill(self, u: float, v: float, reach: tuple[float, float], tone: float, inside: Inside) -> None:
        """Paint the points for which ``inside(du, dv)`` holds, du and dv from (u, v) and within ``reach`` of it."""
        x = u * self._cos - v * self._sin + self._centre[0]
        y = u * self._sin + v * self._cos + self._centre[1]
        across = reach[0] * self._cos + reach[1] * abs(self._sin)
        down = reach[0] * abs(self._sin) + reach[1] * self._cos
        left, right, top, bottom = (
            int(np.clip((edge + 1.0) * EDGE / 2 + more, 0, EDGE))
            for edge, more in ((x - across, -1), (x + across, 2), (y - down, -1), (y + down, 2))
        )
        window = slice(top, bottom), slice(left, right)
        self.tone[window][inside(self.u[window] - u, self.v[window] - v)] = tone

    def ellipse(self, u: float, v: float, reach: tuple[float, float], tone: float, power: float = 2.0) -> None:
        """An ellipse of half-axes ``reach``; squarer for a larger ``power``."""
        self.fill(u, v, reach, tone, lambda a, b: abs(a / reach[0]) ** power + abs(b / reach[1]) ** power <= 1.0)

    def stroke(self, u: float, v: float, half: float, thick: float, tone: float, bend: float = 0, slope: float = 0):
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
    _behind(canvas, person)
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


EYES, NOSE, MOUTH, MIDDLE = -0.06, 0.06, 0.42, 0.08
"""Heights of the eyes, of the nose's bridge, of the mouth and of the head's middle."""


def _behind(canvas: Canvas, person: Person) -> None:
    """Hair behind the head, neck and shoulders."""
    width, height, shade = person.width, person.height, person.shade
    if person.hair == "long":
        canvas.ellipse(0.0, MIDDLE + 0.08, (width + 0.17, height + 0.14), shade, 3.0)
    if person.hair == "fringe":
        canvas.ellipse(0.0, MIDDLE - 0.06, (width + 0.12, height - 0.02), shade, 3.0)
    if person.hair == "bun":
        canvas.ellipse(0.0, MIDDLE - height - 0.10, (0.20, 0.18), shade)
    if person.hair == "curly":
        for angle in np.linspace(-0.15 * np.pi, 1.15 * np.pi, 13):
            u, v = (width + 0.06) * np.cos(angle), -(height + 0.02) * np.sin(angle)
            canvas.ellipse(u, MIDDLE + v, (0.19, 0.17), shade)
    if person.hair == "spiky":
        angles = np.linspace(0.12 * np.pi, 0.88 * np.pi, 7)
        for angle in angles:
            u, v = width * np.cos(angle), MIDDLE - height * np.sin(angle)
            canvas.fill(u, v, (0.15, 0.17), shade, lambda a, b: abs(a) <= 0.13 * (b + 0.17) / 0.24)
    canvas.ellipse(0.0, 1.05, (0.82, 0.28), person.shirt, 2.5)
    canvas.ellipse(0.0, 0.80, (0.20, 0.20), 0.8 * person.skin, 4.0)


def _head(canvas: Canvas, person: Person) -> None:
    width, height = person.width, person.height
    for side in (-1.0, 1.0):
        canvas.ellipse(side * width, 0.06, (0.08, 0.13), 0.82 * person.skin)
    for shrink, tone in ((1.0, 0.86), (0.93, 0.95), (0.84, 1.0)):
        canvas.ellipse(0.0, MIDDLE, (shrink * width, shrink * height), tone * person.skin, person.jaw)
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
    lines: dict[str, Inside] = {
        "short": lambda s, b: -0.62 + 0.42 * s**4,
        "parted": lambda s, b: -0.74 + 0.42 * abs(s + 0.45) + 0.3 * s**6,
        "fringe": lambda s, b: -0.40 + 0.04 * np.cos(9.0 * s) + 0.5 * s**8,
        "long": lambda s, b: -0.78 + 0.55 * abs(s) + 0.45 * s**6,
        "curly": lambda s, b: -0.60 + 0.05 * np.cos(14.0 * s) + 0.35 * s**4,
        "bun": lambda s, b: -0.72 + 0.5 * s * s,
        "spiky": lambda s, b: -0.62 + 0.12 * abs((3.5 * s) % 1.0 - 0.5) + 0.40 * s**6,
    }

    def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        head = abs(a / width) ** person.jaw + abs(b / height) ** person.jaw <= 1.0
        return head & (b / height < lines[person.hair](a / width, b))

    canvas.fill(0.0, MIDDLE, (width, height), person.shade, inside)


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
    canvas.stroke(u, height, half + 0.05, person.brow, 0.8 * person.shade, 0.03 + shown.arch, side * shown.slope)
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
        corners, bow = -shown.smile * s * s + shown.skew * s, 1.0 - s * s
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
        canvas.stroke(0.0, v - 0.10, person.lips + 0.06, 0.06, person.shade, 0.03)
    canvas.fill(0.0, v, reach, 0.45 * person.skin, lips)
    canvas.fill(0.0, v, reach, INK, gap)
    if shown.teeth > 0.0:
        canvas.fill(0.0, v, reach, 0.95, teeth)
