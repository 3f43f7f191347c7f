"""Matching latents: known permutations and mirrors are found, and what says nothing is no match."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_search import made_up

from search.history import Report, Trial
from search.report.latents import aligned, latents
from search.report.matching import correlation, matched
from trainables.core.comparable import CODES, COLUMNS, STRIPS


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 3))
def test_known_permutations_and_mirrors_are_found(seed, count, more):
    rng = np.random.default_rng(seed)
    one_NZ = rng.normal(size=(200, count))
    order, sign = rng.permutation(count), rng.choice([-1.0, 1.0], count)
    bent = np.exp(one_NZ[:, order] * sign)  # monotone: ranks do not see it
    other_NV = np.concatenate([bent, rng.normal(size=(200, more))], axis=1)
    found = matched(one_NZ, other_NV)
    assert [match.one for match in found] == list(range(count))
    for match in found:
        assert order[match.other] == match.one
        assert match.correlation == pytest.approx(sign[match.other])
        assert match.mirrored == (sign[match.other] < 0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_matching_is_one_to_one_and_symmetric(seed, one, other):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(60, 3))
    one_NZ, other_NV = shared @ rng.normal(size=(3, one)), shared @ rng.normal(size=(3, other))
    found = matched(one_NZ, other_NV)
    assert len({m.one for m in found}) == len({m.other for m in found}) == len(found) <= min(one, other)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("search.report.matching.WEAK", 0.0)
        # Several matchings may be equally good; then either way round may find another one of them.
        sums = [sum(abs(m.correlation) for m in matched(*pair)) for pair in ((one_NZ, other_NV), (other_NV, one_NZ))]
    assert sums[0] == pytest.approx(sums[1])


def test_codes_that_never_change_or_hardly_go_together_have_no_match():
    rng = np.random.default_rng(0)
    one_NZ = np.concatenate([rng.normal(size=(500, 1)), np.full((500, 1), 2.0)], axis=1)
    assert (correlation(one_NZ, one_NZ)[1] == 0.0).all()
    assert matched(one_NZ[:, 1:], one_NZ) == []
    assert matched(one_NZ[:, :1], rng.normal(size=(500, 1))) == []


def test_other_images_are_refused():
    with pytest.raises(ValueError, match="Codes of 3 and of 4 images cannot be of the same images"):
        matched(np.zeros((3, 2)), np.zeros((4, 2)))


# -- what checkpoints keep ----------------------------------------------------------------------------------------


def trial(number, *checkpoints):
    reports = [Report(step=i, attempt=1, time=0.0, metrics={}, checkpoint=c) for i, c in enumerate(checkpoints, 1)]
    said = {"method": "beta_vae", "config": {}, "params": {}, "steps": 9, "seed": 0, "time": 0.0}
    return Trial(number=number, reports=reports, **said)


def read(folder, number, groups, **options):
    made_up.model(folder / str(number), groups, **options)
    return latents(folder, trial(number, str(number)))


def grey(image):
    """The first row of a strip, one pixel a column."""
    return [image.getpixel((x * made_up.SIDE, 0)) for x in range(COLUMNS)]


def test_latents_are_named_and_cut_out_in_the_order_of_their_groups(tmp_path):
    found = read(tmp_path, 0, {"style": [1, 2], "content": [3]}, kl={"style": [2.0, 0.0]})
    assert found.names == ["content0", "style0", "style1"]
    assert [found.title(i) for i in range(3)] == ["content0", "style0, KL 2.00", "style1, KL 0.00"]
    assert [found.dead(i) for i in range(3)] == [False, False, True]
    assert found.order == [1, 2, 0]
    assert grey(found.strip(1)) == list(range(10, 10 + COLUMNS))
    assert grey(found.strip(1, mirrored=True)) == list(range(10, 10 + COLUMNS))[::-1]


def test_strips_that_were_made_smaller_are_cut_all_the_same(tmp_path):
    found = read(tmp_path, 0, {"z": [1, 2, 3]})
    small = found.strips.resize((found.strips.width * 3 // 4 - 1, found.strips.height * 3 // 4 + 1))
    small.save(tmp_path / "0" / STRIPS)
    again = latents(tmp_path, trial(0, "0"))
    strips = [again.strip(i, mirrored=mirrored) for i in range(3) for mirrored in (False, True)]
    assert {strip.width for strip in strips} == {small.width}
    assert sum(strip.height for strip in strips) == 2 * small.height


def test_rows_are_the_best_ones_and_both_dead_are_left_out(tmp_path):
    first = read(tmp_path, 0, {"z": [2, 0, 1, 4]})
    other = read(tmp_path, 1, {"z": [0, -1, 2, 5, 0]})
    found = aligned([first, other])
    assert [first.names[z] for z in found.rows] == ["z2", "z0", "z3"]
    (matches,) = found.matches
    assert {z: (m.other, m.mirrored) for z, m in matches.items()} == {0: (2, False), 2: (1, True)}
    assert found.unmatched == [[3]]


def test_a_dead_latent_is_shown_where_its_partner_lives(tmp_path):
    first = read(tmp_path, 0, {"z": [1, 2]}, kl={"z": [3.0, 0.005]})
    alive = read(tmp_path, 1, {"z": [2, 1]}, kl={"z": [1.0, 3.0]})
    dead = read(tmp_path, 2, {"z": [2, 1]}, kl={"z": [0.001, 3.0]})
    assert aligned([first, alive]).rows == [0, 1]
    assert aligned([first, dead]).rows == [0]
    assert aligned([first, dead]).unmatched == [[]]


def test_the_last_report_that_can_be_read_counts(tmp_path):
    made_up.model(tmp_path / "a", {"z": [1]})
    made_up.model(tmp_path / "b", {"z": [1, 2]})
    (tmp_path / "b" / CODES).write_bytes(b"cut")
    assert latents(tmp_path, trial(0, "a", "b", "gone")).names == ["z0"]
    assert latents(tmp_path, trial(0, "b")) is None
    made_up.model(tmp_path / "c", {"z": [1]})
    (tmp_path / "c" / STRIPS).write_bytes(b"\x89PNG\r\n\x1a\n cut")
    assert latents(tmp_path, trial(0, "c", "gone")) is None


def test_nothing_outside_the_sweeps_folder_is_read(tmp_path):
    made_up.model(tmp_path / "other", {"z": [1]})
    (tmp_path / "sweep").mkdir()
    assert latents(tmp_path / "sweep", trial(0, "../other")) is None
    (tmp_path / "sweep" / "link").symlink_to(tmp_path / "other")
    assert latents(tmp_path / "sweep", trial(0, "link")) is None
