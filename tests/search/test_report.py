"""The contact sheet and the page of Markdown."""

from PIL import Image
from tests_search import ledgers, simulation

from search.history import History
from search.ledger import Reader
from search.report import NOTE, contact_sheet, description
from search.standings import ranking, standings, told_apart


def test_contact_sheet_places_pictures_under_titles(tmp_path):
    for shade in range(5):
        Image.new("RGB", (90, 60), (250, 10 * shade, 0)).save(tmp_path / f"{shade}.png")
    sheet = contact_sheet([(f"{i}. γ={i}", tmp_path / f"{i}.png") for i in range(5)], columns=3)
    assert sheet.width > 3 * 90 and sheet.height > 2 * 60
    assert {sheet.getpixel((x, y)) for x in range(sheet.width) for y in range(sheet.height)} >= {
        (250, 10 * shade, 0) for shade in range(5)
    }


def test_a_picture_that_cannot_be_read_leaves_a_grey_field(tmp_path):
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    sheet = contact_sheet([("cut", tmp_path / "cut.png"), ("gone", tmp_path / "gone.png")], columns=2)
    assert (211, 211, 211) in {sheet.getpixel((x, 60)) for x in range(sheet.width)}


def test_long_titles_do_not_widen_the_sheet(tmp_path):
    Image.new("RGB", (200, 60)).save(tmp_path / "a.png")
    wide = contact_sheet([("β=" + "x" * 3000, tmp_path / "a.png")])
    assert wide.size == contact_sheet([("a", tmp_path / "a.png")]).size


def replayed(folder):
    history = History()
    for row in Reader(folder / "ledger.jsonl").rows():
        history.add(row)
    return history


def test_description_says_what_was_searched_and_what_won(tmp_path):
    history = replayed(ledgers.small(tmp_path / "look"))
    page = description(history, ranking(history))
    assert "## look" in page and "maximize `score/mig`" in page and "sprites (size 32)" in page
    assert "### Best: trial 004, beta_vae, `score/mig` = 0.5714 at step 80" in page
    assert f"beta: {history.trials[4].config['beta']!r}\n" in page
    assert "5 complete, 2 stopped early, 1 failed" in page
    assert "train/kl is nan at step 10" in page and "\x1b" not in page and "\x00" not in page
    assert len(page) <= NOTE + 10


def test_description_before_the_first_report(tmp_path):
    made = ledgers.Builder(tmp_path / "look")
    assert "No trial has reported yet." in description(replayed(made.folder), [])
    made.trial(0)
    made.report(0, 10)
    history = replayed(made.folder)
    assert "### Best so far: trial 000" in description(history, ranking(history))
    made.ledger.close()


def test_names_cannot_break_out_of_the_page(tmp_path):
    made = ledgers.Builder(tmp_path / "look")
    made.trial(0)
    made.report(0, 10)
    made.end(0, "FAIL", "a | b <script> ``` [link](x)\n# head", 10)
    made.ledger.close()
    history = replayed(made.folder)
    page = description(history, ranking(history))
    assert "a \\| b \\<script\\> \\`\\`\\` \\[link\\](x) # head" in page


def test_description_names_the_second_dataset_and_the_subset(tmp_path):
    data = {"name": "usps", "options": {"size": 16}, "subset": {"per_class": 100}, "secondary": {"name": "mnist"}}
    made = ledgers.Builder(tmp_path / "two", {**ledgers.SWEEP, "data": data})
    made.ledger.close()
    assert "- **On:** usps (size 16, per_class 100), with mnist\n" in description(replayed(made.folder), [])


def test_configurations_are_ranked_by_their_seeds_and_the_front_is_marked(tmp_path):
    changes = {"objectives": ["score/mig", "val/reconstruction"], "seeds": 3, "trials": 18, "schedule": "none"}
    sweep = simulation.sweep(tmp_path, **changes)
    simulation.play(simulation.begin(sweep, tmp_path / "two" / "ledger.jsonl"))
    history = replayed(tmp_path / "two")
    order = standings(history)
    page = description(history, ranking(history))
    lines = [line.split(" | ") for line in page.splitlines() if line.startswith("| ") and "±" in line]
    assert len(lines) == 6 and all("±" in line[4] for line in lines)
    for line, standing in zip(lines, order, strict=True):
        assert line[1] == ", ".join(f"{t.number:03d}" for t in standing.configuration.trials)
        assert (line[6] == "★") == standing.pareto
    first = order[0].configuration
    assert f"### Best: trials {', '.join(f'{t.number:03d}' for t in first.trials)}, " in page
    assert "over 3 seeds at step 90" in page and "★: on the Pareto front." in page


def test_description_says_whether_first_and_second_can_be_told_apart(tmp_path):
    sweep = simulation.sweep(tmp_path, seeds=2, trials=12, schedule="none")
    simulation.play(simulation.begin(sweep, tmp_path / "two" / "ledger.jsonl"))
    history = replayed(tmp_path / "two")
    assert told_apart(history) and told_apart(history).replace("`", "\\`") in description(history, ranking(history))
