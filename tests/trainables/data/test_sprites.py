"""The rendered sprites against known geometry and against a slow renderer of another kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from trainables.data import sprites

ALL = np.arange(32)
factors = st.tuples(
    st.sampled_from(sprites.SHAPES),
    st.integers(0, 5),
    st.integers(0, 39),
    st.integers(0, 31),
    st.integers(0, 31),
)


def picture(shape, scale, orientation, x, y, size=64):
    """One image, bool (size, size), at position indices x and y."""
    packed = sprites.render(shape, scale, orientation, np.array([x, y]), size)
    return np.unpackbits(packed[1]).reshape(size, size).astype(bool)


def slow(shape, scale, orientation, x, y, size=64, samples=15):
    """Covered area of each pixel by sampling; the heart as a polygon with the crossing rule."""
    pitch = 64 / size
    offsets = (np.arange(samples) + 0.5) / samples
    along = (np.arange(size)[:, None] + offsets).ravel() * pitch - 0.5
    dx, dy = np.meshgrid(along - 15.5 - 32 * x / 31, along - 15.5 - 32 * y / 31)
    inside = np.zeros(dx.shape, dtype=bool)
    near = np.hypot(dx, dy) < 14
    point = (dx[near] + 1j * dy[near]) * np.exp(1j * orientation) / scale
    u, v = point.real, point.imag
    if shape == "square":
        inside[near] = np.maximum(abs(u), abs(v)) < 9.6
    elif shape == "ellipse":
        inside[near] = np.hypot(u / 12.8, v / 7.2) < 1
    else:
        t = np.linspace(0, 2 * np.pi, 241)
        a = 7.2 * np.sin(t) - 2.4 * np.sin(3 * t)
        waves = ((1, 8.619), (2, -3.315), (3, -1.326), (4, -0.663))
        b = -sum(weight * np.cos(k * t) for k, weight in waves) - 1.4415
        crossed = np.zeros(len(u), dtype=bool)
        for u0, v0, u1, v1 in zip(a[:-1], b[:-1], a[1:], b[1:], strict=True):
            if v0 != v1:
                crossed ^= ((v0 > v) != (v1 > v)) & (u < (u1 - u0) * (v - v0) / (v1 - v0) + u0)
        inside[near] = crossed
    return inside.reshape(size, samples, size, samples).mean(axis=(1, 3))


def box(image):
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    return columns[0], columns[-1], rows[0], rows[-1]


@pytest.mark.parametrize(
    ("scale", "x", "y", "expected"),
    [
        (1.0, 0, 0, (6, 25, 6, 25)),
        (1.0, 31, 0, (38, 57, 6, 25)),
        (1.0, 0, 31, (6, 25, 38, 57)),
        (0.5, 0, 0, (11, 20, 11, 20)),
        (0.5, 31, 31, (43, 52, 43, 52)),
    ],
)
def test_the_upright_square_lies_where_it_must(scale, x, y, expected):
    assert box(picture("square", scale, 0.0, x, y)) == expected


def test_a_pixel_covered_by_less_than_half_is_off():
    # 0.6 of an edge pixel is covered and 0.36 of a corner pixel.
    image = picture("square", 1.0, 0.0, 0, 0)
    assert image.sum() == 20 * 20 - 4
    assert not image[6, 6] and image[6, 7] and image[7, 6]


def test_the_ellipse_is_wide_and_the_heart_points_down():
    assert box(picture("ellipse", 1.0, 0.0, 0, 0)) == (3, 28, 9, 22)
    heart = picture("heart", 1.0, 0.0, 0, 0)
    assert np.array_equal(heart, heart[:, ::-1][:, np.arange(64) - 32])
    widths = heart.sum(1)[heart.any(1)]
    assert widths[-1] <= 3 < widths.max()
    assert box(heart) == (6, 25, 7, 23)


@pytest.mark.parametrize("turn", [np.pi / 2, np.pi, 2 * np.pi])
@pytest.mark.parametrize("scale", sprites.SCALES)
def test_a_quarter_turn_leaves_the_square_as_it_is(scale, turn):
    still = sprites.render("square", scale, 0.0, ALL)
    assert np.array_equal(still, sprites.render("square", scale, turn, ALL))


def test_half_a_turn_leaves_the_ellipse_and_a_quarter_transposes_it():
    still = sprites.render("ellipse", 0.7, 0.3, ALL)
    assert np.array_equal(still, sprites.render("ellipse", 0.7, 0.3 + np.pi, ALL))
    upright, turned = picture("ellipse", 1.0, 0.0, 5, 5), picture("ellipse", 1.0, np.pi / 2, 5, 5)
    assert np.array_equal(upright.T, turned)


def test_the_first_and_last_orientation_give_the_same_images():
    for shape in sprites.SHAPES:
        first, last = (sprites.render(shape, 0.8, sprites.ORIENTATIONS[i], ALL) for i in (0, -1))
        assert np.array_equal(first, last)


@pytest.mark.parametrize("scale", sprites.SCALES)
@pytest.mark.parametrize(("shape", "area"), [("square", 19.2**2), ("ellipse", np.pi * 12.8 * 7.2), ("heart", None)])
def test_areas(shape, area, scale):
    if area is None:
        u, v = sprites.heart_curve(np.linspace(0, 2 * np.pi, 10001))
        area = abs(np.sum(u[:-1] * v[1:] - u[1:] * v[:-1])) / 2
    packed = sprites.render(shape, scale, 0.9, ALL)
    mean = np.bitwise_count(packed).sum() / len(packed)
    assert mean == pytest.approx(area * scale**2, rel=0.01)


def test_every_ray_meets_the_heart_once():
    u, v = sprites.heart_curve(np.linspace(0, 2 * np.pi, 20001))
    angle = np.unwrap(np.arctan2(v, u))
    assert np.all(np.diff(angle) >= 0) and angle[-1] - angle[0] == pytest.approx(2 * np.pi)


@given(factors, st.sampled_from([16, 32, 64, 128]))
@settings(max_examples=40, deadline=None, phases=(Phase.explicit, Phase.generate))
def test_the_slow_renderer_agrees(values, size):
    shape, scale, turn, x, y = values
    scale, turn = sprites.SCALES[scale], sprites.ORIENTATIONS[turn]
    fast, area = picture(shape, scale, turn, x, y, size), slow(shape, scale, turn, x, y, size)
    wrong = fast != (area > 0.5)
    assert wrong.sum() <= 4
    assert np.all(abs(area[wrong] - 0.5) < 0.05)


@given(factors, st.sampled_from([16, 32, 64]))
@settings(max_examples=60, deadline=None)
def test_every_image_shows_a_shape_within_the_frame(values, size):
    shape, scale, turn, x, y = values
    image = picture(shape, sprites.SCALES[scale], sprites.ORIENTATIONS[turn], x, y, size)
    assert image.any()
    assert not (image[0].any() or image[-1].any() or image[:, 0].any() or image[:, -1].any())


def test_the_full_grid_is_dsprites_own_order(monkeypatch):
    blank = np.zeros((1024, 32), dtype=np.uint8)
    monkeypatch.setattr(sprites, "render", lambda *_: blank)
    options = sprites.Options(size=16)
    arrays, description = sprites.prepare(options), sprites.describe(options)
    assert description.images == 737_280
    assert dict(description.factors) == {
        "shape": 3, "scale": 6, "orientation": 40, "posX": 32, "posY": 32,
    }  # fmt: skip
    rows = np.array([0, 1, 32, 1024, 40_960, 245_760, 737_279, 400_003])
    expected = np.stack(np.unravel_index(rows, (3, 6, 40, 32, 32)), axis=1)
    assert np.array_equal(arrays.factors[rows], expected)
    assert np.array_equal(arrays.labels, arrays.factors[:, 0])
    for indices, n in zip(sprites.grid(options).values(), (3, 6, 40, 32, 32), strict=True):
        assert indices.tolist() == list(range(n))


def test_the_full_size_takes_less_than_400_megabytes():
    description = sprites.describe(sprites.Options())
    assert description.row_bytes == 512
    assert description.bytes < 400e6


def test_a_coarser_grid_is_a_part_of_the_full_one():
    options = sprites.Options(scales=2, orientations=3, positions=4)
    kept = sprites.grid(options)
    assert kept["scale"].tolist() == [0, 5]
    assert kept["orientation"].tolist() == [0, 13, 26]
    assert kept["posX"].tolist() == kept["posY"].tolist() == [0, 10, 21, 31]
    arrays = sprites.prepare(options)
    for row in (0, 37, 150, 287):
        shape, scale, turn, x, y = (indices[i] for indices, i in zip(kept.values(), arrays.factors[row], strict=True))
        full = sprites.render(sprites.SHAPES[shape], sprites.SCALES[scale], sprites.ORIENTATIONS[turn], ALL)
        assert np.array_equal(arrays.images[row], full[32 * x + y])


def test_position_x_moves_columns_and_y_rows():
    arrays = sprites.prepare(sprites.Options(shapes=1, scales=1, orientations=1, positions=5))
    images = np.unpackbits(arrays.images, axis=1).reshape(5, 5, 64, 64)
    weight = images.sum((2, 3))
    column = (images.sum(2) * np.arange(64)).sum(2) / weight
    row = (images.sum(3) * np.arange(64)).sum(2) / weight
    place = 15.5 + 32 * np.array([0, 8, 16, 23, 31]) / 31
    assert np.allclose(column, place[:, None], atol=0.25)
    assert np.allclose(row, place[None, :], atol=0.25)


def test_a_factor_of_one_value_takes_the_middle_and_is_not_listed():
    options = sprites.Options(shapes=1, scales=1, positions=1)
    assert {name: kept.tolist() for name, kept in sprites.grid(options).items()} == {
        "shape": [1], "scale": [3], "orientation": list(range(40)), "posX": [16], "posY": [16],
    }  # fmt: skip
    description = sprites.describe(options)
    assert (dict(description.factors), description.classes) == ({"orientation": 40}, ("ellipse",))
    assert sprites.prepare(options).factors.shape == (40, 1)


@given(st.integers(2, 32))
def test_any_number_of_positions_is_distinct_and_keeps_both_ends(positions):
    kept = sprites.grid(sprites.Options(positions=positions))["posX"]
    assert (kept[0], kept[-1]) == (0, 31) and np.all(np.diff(kept) > 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 48}, "size must be 16, 32, 64 or 128, not 48"),
        ({"shapes": 0}, "shapes must be a whole number from 1 to 3, not 0"),
        ({"scales": 7}, "scales must be a whole number from 1 to 6"),
        ({"orientations": 2.5}, "orientations must be a whole number from 1 to 40, not 2.5"),
        ({"positions": True}, "positions must be a whole number"),
        ({"positions": 1, "orientations": 1, "scales": 1}, "10 images or more"),
    ],
)
def test_impossible_options_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        sprites.Options(**values)
