"""The ten persons and seven expressions that are drawn, and what a take may change.

Lengths are in the face coordinates of ``trainables.core.face``: about half the frame's width is 1. Tones run from 0
(black) to 1 (white). Persons share few tones of skin and hair, so that no single pixel tells who it is.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    round: float = 0.0
    """How full the open mouth is towards its corners, 0 to 1."""
    skew: float = 0.0
    """One corner of the mouth up, the other down."""
    wrinkle: float = 0.0
    """Folds beside the nose and between the brows."""


@dataclass(frozen=True, kw_only=True)
class Take:
    """What differs between images of one person with one expression."""

    right: float = 0.0
    down: float = 0.0
    """Shift in half frames: a pixel of 48 is 1/24."""
    tilt: float = 0.0
    """Radians, clockwise."""
    brightness: float = 1.0
    light: float = 0.0
    """Brighter on the right and darker on the left, as a share at the frame's edge."""
    shirt: float = 0.4
    intensity: float = 1.0
    """How much of the expression is shown."""


HAIR = ("bald", "short", "parted", "fringe", "long", "curly", "bun", "spiky")

PERSONS = (
    Person(width=.56, height=.70, jaw=2.2, skin=.84, hair="short", shade=.14, gap=.23, eye=.125, nose=.26, lips=.20,
           brow=.030),
    Person(width=.50, height=.72, jaw=2.0, skin=.84, hair="long", shade=.30, gap=.21, eye=.145, nose=.20, lips=.17,
           brow=.018),
    Person(width=.62, height=.66, jaw=2.5, skin=.72, hair="bald", shade=.14, gap=.25, eye=.115, nose=.30, lips=.23,
           brow=.042, beard="full"),
    Person(width=.52, height=.68, jaw=2.1, skin=.84, hair="fringe", shade=.14, gap=.22, eye=.135, nose=.21, lips=.18,
           brow=.022, glasses=True),
    Person(width=.58, height=.68, jaw=2.2, skin=.60, hair="curly", shade=.14, gap=.25, eye=.135, nose=.24, lips=.23,
           brow=.030),
    Person(width=.53, height=.74, jaw=2.3, skin=.72, hair="parted", shade=.48, gap=.20, eye=.115, nose=.32, lips=.19,
           brow=.034, beard="moustache"),
    Person(width=.51, height=.66, jaw=1.9, skin=.72, hair="bun", shade=.30, gap=.22, eye=.140, nose=.19, lips=.19,
           brow=.018),
    Person(width=.57, height=.72, jaw=2.6, skin=.84, hair="spiky", shade=.48, gap=.24, eye=.120, nose=.25, lips=.22,
           brow=.026),
    Person(width=.60, height=.70, jaw=2.1, skin=.60, hair="short", shade=.80, gap=.22, eye=.120, nose=.28, lips=.20,
           brow=.036, glasses=True),
    Person(width=.55, height=.65, jaw=1.9, skin=.84, hair="long", shade=.48, gap=.26, eye=.140, nose=.18, lips=.21,
           brow=.024),
)  # fmt: skip

EXPRESSIONS = {
    "anger": Expression(lift=-.07, slope=-.15, wide=-.25, droop=-.05, stretch=.05, smile=-.05, upper=.03, lower=.05,
                        teeth=1.0, wrinkle=.5),
    "disgust": Expression(lift=-.045, slope=-.05, wide=-.45, squint=.5, stretch=.10, smile=-.06, upper=.07, lower=.0,
                          skew=.05, wrinkle=1.0),
    "fear": Expression(lift=.06, slope=.10, wide=.40, stretch=.35, smile=-.05, upper=.03, lower=.12, round=.7,
                       teeth=.4),
    "happiness": Expression(lift=.02, arch=.03, wide=-.15, squint=.40, stretch=.50, smile=.12, upper=-.03, lower=.17,
                            teeth=.45),
    "neutral": Expression(),
    "sadness": Expression(lift=.03, slope=.13, wide=-.30, droop=.07, smile=-.08, lower=-.05, upper=.05),
    "surprise": Expression(lift=.10, arch=.04, wide=.55, stretch=-.35, upper=.08, lower=.20, round=1.0),
}  # fmt: skip
