"""Twenty filled glyphs of our own design, dark blue with a light-green rim on white, 20×20 pixels.

Each is drawn on 160×160 points and averaged over blocks of 8×8, so its edges are smooth. Glyph coordinates: the cell
is the square from −1 to 1, u to the right and v down. Knows nothing about boards.
"""

from __future__ import annotations

from functools import cache

import numpy as np

EDGE = 20
"""Width and height in pixels."""
FINE = 8
"""Points along each side of a pixel."""
RIM = 0.14
"""Width of the rim in glyph coordinates: 1.4 pixels."""
WHITE, BLUE, GREEN = (255, 255, 255), (24, 38, 120), (140, 222, 130)

NAMES = (
    "disc", "square", "triangle", "cross", "star", "ring", "arrow", "crescent", "diamond", "heart",
    "hexagon", "half-disc", "corner", "tee", "hourglass", "saltire", "frame", "bolt", "clover", "chevron",
)  # fmt: skip

POLYGONS = {
    "square": [(-.8, -.8), (.8, -.8), (.8, .8), (-.8, .8)],
    "triangle": [(0, -.88), (.92, .78), (-.92, .78)],
    "cross": [(-.33, -.9), (.33, -.9), (.33, -.33), (.9, -.33), (.9, .33), (.33, .33), (.33, .9), (-.33, .9),
              (-.33, .33), (-.9, .33), (-.9, -.33), (-.33, -.33)],
    "arrow": [(-.9, -.3), (.05, -.3), (.05, -.8), (.92, 0), (.05, .8), (.05, .3), (-.9, .3)],
    "diamond": [(0, -.93), (.62, 0), (0, .93), (-.62, 0)],
    "hexagon": [(-.93, 0), (-.46, -.8), (.46, -.8), (.93, 0), (.46, .8), (-.46, .8)],
    "corner": [(-.8, -.88), (-.15, -.88), (-.15, .25), (.8, .25), (.8, .88), (-.8, .88)],
    "tee": [(-.88, -.85), (.88, -.85), (.88, -.2), (.33, -.2), (.33, .88), (-.33, .88), (-.33, -.2), (-.88, -.2)],
    "hourglass": [(-.85, -.9), (.85, -.9), (.25, 0), (.85, .9), (-.85, .9), (-.25, 0)],
    "bolt": [(.1, -.93), (.75, -.93), (.3, -.25), (.75, -.25), (-.45, .93), (-.15, .1), (-.65, .1)],
    "chevron": [(-.85, -.88), (-.1, -.88), (.75, 0), (-.1, .88), (-.85, .88), (0, 0)],
}  # fmt: skip


@cache
def glyphs() -> np.ndarray:
    """All glyphs in the order of ``NAMES``, uint8 (20, 20, 20, 3); read-only."""
    from scipy.ndimage import distance_transform_edt

    along = (np.arange(EDGE * FINE) + 0.5) * (2.0 / (EDGE * FINE)) - 1.0
    u, v = np.meshgrid(along, along)
    drawn = np.empty((len(NAMES), EDGE, EDGE, 3), dtype=np.uint8)
    for glyph, name in zip(drawn, NAMES, strict=True):
        inside = _inside(name, u, v)
        depth = distance_transform_edt(inside) * (2.0 / (EDGE * FINE))
        points = np.where((depth > RIM)[..., None], BLUE, np.where(inside[..., None], GREEN, WHITE))
        glyph[:] = np.round(points.reshape(EDGE, FINE, EDGE, FINE, 3).mean(axis=(1, 3)))
    drawn.flags.writeable = False
    return drawn


def _inside(name: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Whether the points lie in the glyph, bool."""
    radius = np.hypot(u, v)
    if name in POLYGONS:
        return _polygon(POLYGONS[name], u, v)
    if name == "star":
        angle = np.arange(10) * np.pi / 5
        length = np.where(np.arange(10) % 2, 0.45, 0.98)
        return _polygon(list(zip(length * np.sin(angle), 0.06 - length * np.cos(angle), strict=True)), u, v)
    if name == "disc":
        return radius <= 0.88
    if name == "ring":
        return (radius <= 0.92) & (radius >= 0.36)
    if name == "crescent":
        return (radius <= 0.92) & (np.hypot(u - 0.42, v) >= 0.72)
    if name == "half-disc":
        return (np.hypot(u, v - 0.45) <= 0.92) & (v <= 0.45)
    if name == "saltire":
        return (abs(abs(u) - abs(v)) <= 0.42) & (np.maximum(abs(u), abs(v)) <= 0.88)
    if name == "frame":
        edge = np.maximum(abs(u), abs(v))
        return (edge <= 0.9) & (edge >= 0.34)
    if name == "clover":
        leaves = [np.hypot(u - x, v - y) <= 0.44 for x, y in ((0, -0.46), (-0.46, 0.1), (0.46, 0.1))]
        return leaves[0] | leaves[1] | leaves[2] | (radius <= 0.4) | ((abs(u) <= 0.2) & (v >= 0) & (v <= 0.92))
    assert name == "heart", name
    lobes = np.hypot(abs(u) - 0.42, v + 0.35) <= 0.46
    return lobes | ((abs(u) / 0.84 + (v + 0.12) / 1.0 <= 1.0) & (v >= -0.2))


def _polygon(corners: list[tuple[float, float]], u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Points from which a ray to the right crosses the outline an odd number of times."""
    crossed = np.zeros(u.shape, dtype=bool)
    for (u0, v0), (u1, v1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if v0 != v1:
            crossed ^= ((v0 > v) != (v1 > v)) & (u < u0 + (v - v0) * (u1 - u0) / (v1 - v0))
    return crossed
