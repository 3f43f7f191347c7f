"""The HTML report: what it holds, that nothing escapes or is fetched, and that the same files give the same bytes."""

import random
import re
import shutil
import time
from html.parser import HTMLParser

import pytest
from plotly.offline import get_plotlyjs
from tests_search import ledgers, made_up, simulation
from typer.testing import CliRunner

from search.__main__ import app
from search.folder import Folder
from search.history import COMPLETE, FAIL, replay
from search.ledger import Ledger, read
from search.report import html
from search.standings import standings
from trainables.core.storage import place

SECTIONS = ["searched", "picked", "ranking", "pareto", "hyperparameters", "curves", "failures", "models"]


def played(folder, *, rng=None, failing=frozenset(), losing=frozenset(), **changes):
    """A simulated sweep with models; its folder."""
    sweep = simulation.sweep(folder.parent, name=folder.name, **changes)
    loop = simulation.begin(sweep, folder / "ledger.jsonl", concurrency=4 if rng else 1)
    simulation.play(loop, rng, failing, losing)
    made_up.furnish(Folder(place(folder)))
    return folder


def page(folder):
    """The report without plotly itself, and every text of it."""
    rows = read(folder / "ledger.jsonl")
    found = html(folder, rows, replay(rows))
    assert found.count(get_plotlyjs()) == 1
    rest = found.replace(get_plotlyjs(), "")
    return rest, " ".join(Reader(rest).text.split())


class Reader(HTMLParser):
    """Reads a page as a browser would, and wants every element closed in its turn and every id once."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, self.open
        assert len(set(self.ids)) == len(self.ids)
        assert {link[1:] for link in self.links} <= set(self.ids)

    def handle_starttag(self, tag, attributes):
        said = dict(attributes)
        self.ids += [said["id"]] if "id" in said else []
        self.links += [said["href"]] if "href" in said else []
        assert not any(name.startswith("on") for name in said), said
        if tag == "img":
            assert said["src"].startswith("data:image/") and said["alt"]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open[-1:] not in (["script"], ["style"]):
            self.text += f" {data}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two methods, 60 trials, some lost and some failed."""
    folder = tmp_path_factory.mktemp("storage") / "whole"
    return played(folder, trials=60, rng=random.Random(0), failing={0, 7, 11, 20}, losing={3})


def test_it_has_everything_in_its_order(whole):
    source, text = page(whole)
    history = replay(read(whole / "ledger.jsonl"))
    assert re.findall(r'<section id="([a-z]+)"', source) == SECTIONS
    assert re.findall(r'<a href="#([a-z]+)"', source) == SECTIONS
    first = standings(history)[0].configuration.first
    assert f"First in the ranking: trial {first.number:03d}" in text
    assert f"lr: {first.config['lr']!r}" in text
    assert "maximize score/mig Ceiling 1" in text and "Noise gets 0" in text
    assert "60 trials of 90 steps" in text and "asha, at step 30" in text and "tpe (seed 0)" in text
    assert "lr 1e-05 to 0.01, logarithmic" in text
    assert "its loss is not finite" in text
    assert "Attempts that were lost and begun again: 1 (003: its worker died)." in text
    for trial in history.trials:
        assert f"{trial.number:03d}" in text
    for chart in ("importance", "slice-beta_vae-0-lr", "parallel-beta_vae-0", "curve-1"):
        assert f'<div id="{chart}" class="chart"' in source
        assert f'data-chart="{chart}"' in source
    assert "Left out: a front needs two objectives, and this sweep has one." in text


def test_nothing_comes_from_elsewhere(whole):
    source, _ = page(whole)
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?\s*(https?:)?//""", source, re.IGNORECASE)
    assert "<link" not in source and "@import" not in source
    assert "default-src 'none'" in source


def test_the_same_files_give_the_same_bytes(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "elsewhere")
    rows = read(whole / "ledger.jsonl")
    one = html(whole, rows, replay(rows))
    time.sleep(1.1)
    assert html(tmp_path / "elsewhere", rows, replay(rows)) == one


def test_several_objectives_and_seeds(tmp_path):
    changes = {"objectives": ["score/mig", "val/reconstruction"], "seeds": 2, "trials": 48, "schedule": "none"}
    folder = played(tmp_path / "front", methods=["beta_vae"], sampler="random", **changes)
    source, text = page(folder)
    assert '<div id="pareto-1"' in source and '<div id="curve-2"' in source
    order = standings(replay(read(folder / "ledger.jsonl")))
    front = [s for s in order if s.pareto]
    assert source.count('<span class="tag">front</span>') == len(front)
    assert "24 configurations" in text and "2 for each configuration, 0 to 1" in text
    assert "± is half the 95 % interval of the mean over seeds" in text
    assert "The first configuration under its seeds" in text
    assert 'id="slice-beta_vae-1-lr"' in source


def test_constraints_and_three_objectives(tmp_path):
    changes = {"objectives": ["score/mig", "val/reconstruction", "val/elbo"], "trials": 20, "schedule": "none"}
    limits = [{"condition": "dead_latents", "at_most": 0.3}]
    source, text = page(played(tmp_path / "three", constraints=limits, **changes))
    assert '<div id="pareto-3"' in source
    assert "dead_latents at most 0.3" in text and "dead_latents (constraint)" in text
    assert "Grey points and dotted lines break a constraint." in text


def test_latents_are_matched_with_those_of_the_best_trial(tmp_path):
    folder = played(tmp_path / "matched", methods=["beta_vae"], schedule="none", trials=4)
    order = standings(replay(read(folder / "ledger.jsonl")))
    numbers = [s.configuration.first.number for s in order]
    said = ([1, 2, 3, 0], [-2, 1, 0, 5], [4, 1], [0, 0, 0])
    made_up.furnish(Folder(place(folder)), **{f"trial_{n:03d}": list(z) for n, z in zip(numbers, said, strict=True)})
    source, text = page(folder)
    first, second, third, last = (f"{number:03d}" for number in numbers)
    blocks = re.findall(r'<figure class="block"><figcaption>([^<]*)</figcaption>(.*?)</figure>', source)
    assert [head for head, _ in blocks[:3]] == ["z0, KL 2.90", "z1, KL 2.80", "z2, KL 2.70"]
    shown = [Reader(inside).text.split() for _, inside in blocks]
    assert shown[0][:8] == [first, "z0", second, "z1", "r", "1.00", third, "z1"]
    assert shown[1] == [first, "z1", second, "z0", "r", "−1.00", "⇄", "no", "partner", "in", f"{third},", last]
    assert shown[2] == [first, "z2", "no", "partner", "in", f"{second},", f"{third},", last]
    assert [head for head, _ in blocks[3:]] == [f"{n}: no partner in {first}" for n in (second, third)]
    assert shown[3:] == [["z3"], ["z0"]]
    assert "Without a partner" in text and "Below |r| = 0.3 there is no partner" in text


def test_old_checkpoints_show_their_pictures(tmp_path):
    folder = ledgers.small(tmp_path / "look")
    source, text = page(folder)
    assert "Latents are not matched" in text
    assert source.count('alt="Picture of trial') == 6 and 'class="blocks"' not in source
    assert "Trial 004" not in text and "First in the ranking: trial 004" in text


def test_a_pick_and_its_reason(tmp_path):
    folder = ledgers.small(tmp_path / "look")
    with Ledger.open(folder / "ledger.jsonl") as ledger:
        ledger.append("pick", trial=3, because="its <i>rotation</i> is clean")
    source, text = page(folder)
    assert "Picked: trial 003" in text and "its <i>rotation</i> is clean" in text and "<i>" not in source


def test_what_users_write_stays_text(tmp_path):
    bad = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & <b>"
    made = ledgers.Builder(tmp_path / "look", {**ledgers.SWEEP, "name": bad, "data": {"name": bad}})
    for number in range(4):
        made.trial(number, network=bad)
        made.report(number, 10, {"score/mig": 0.1, bad: 0.5})
        made.end(number, "FAIL" if number else "PRUNED", bad, 10)
    made.close(bad)
    with made.ledger as ledger:
        ledger.append("pick", trial=0, because=bad)
    source, text = page(made.folder)
    assert "alert(1)" in text and "<script>alert" not in source and "<img src=x" not in source
    scripts = re.findall(r"<script[^>]*>", source)
    assert len(scripts) == source.count("</script>") == source.count("data-chart=") + 2
    assert "This Teasel would refuse the sweep's specification" in text


def test_texts_in_charts_are_escaped_for_plotly_too(tmp_path):
    made = ledgers.Builder(tmp_path / "look")
    made.trial(0, beta="<a href='https://example.org'>x</a>")
    made.report(0, 10)
    made.ledger.close()
    source, _ = page(made.folder)
    assert "\\u003ca href" not in source and "&lt;a href" in source


@pytest.mark.parametrize("rows", range(1, 8))
def test_a_sweep_that_has_hardly_begun(tmp_path, rows):
    folder = played(tmp_path / "begun", trials=3, schedule="none", steps=20)
    early = ledgers.copy(folder, tmp_path / "early", rows)
    source, text = page(early)
    assert re.findall(r'<section id="([a-z]+)"', source) == SECTIONS
    assert "Left out: no configuration was trained to their end" in text


def test_few_configurations_are_said_to_be_few(tmp_path):
    folder = played(tmp_path / "few", methods=["beta_vae"], trials=4, schedule="none")
    source, text = page(folder)
    assert "Left out: 4 complete configurations are too few; it takes 10." in text
    assert 'id="slice-beta_vae-0-lr"' in source
    sets = [f"{key}={value}" for key, value in {"form": "beta", "beta": 4, "latents": 6}.items()]
    source, text = page(played(tmp_path / "one", methods=["beta_vae"], trials=12, schedule="none", sets=sets))
    assert "Left out: only one hyperparameter varies among the complete configurations." in text
    assert "Left out: it takes two hyperparameters that vary." in text


# -- the command --------------------------------------------------------------------------------------------------


def teasel(*words, code=0):
    said = CliRunner().invoke(app, [str(word) for word in words])
    assert said.exit_code == code, (said.output, said.exception)
    return " ".join(said.output.split())


def test_the_command_writes_one_file(whole, tmp_path):
    said = teasel("report", "whole", "--storage", whole.parent)
    assert said.startswith(f"{whole / 'report.html'} ")
    rows = read(whole / "ledger.jsonl")
    assert (whole / "report.html").read_text() == html(whole, rows, replay(rows))
    teasel("report", "whole", "--storage", whole.parent, "-o", tmp_path / "a.html")
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]
    states = {trial.state for trial in replay(rows).trials}
    assert {COMPLETE, FAIL} <= states


def test_bad_input_writes_nothing(whole, tmp_path):
    before = sorted(whole.parent.rglob("*"))
    storage = ("--storage", whole.parent)
    assert "No sweep named 'wohle'" in teasel("report", "wohle", *storage, code=2)
    assert "There is no folder" in teasel("report", "whole", *storage, "-o", tmp_path / "no" / "a.html", code=2)
    assert "is a folder" in teasel("report", "whole", *storage, "-o", tmp_path, code=2)
    assert sorted(whole.parent.rglob("*")) == before and not list(tmp_path.iterdir())
