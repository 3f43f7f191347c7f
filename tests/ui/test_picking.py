"""A newcomer picks a configuration in the MLflow UI and gets its model out."""

import re

import pytest
import yaml
from mlflow import MlflowClient
from tests_search.command import teasel
from tests_ui.conftest import NAME

from search.folder import Folder
from search.standings import ranking
from trainables.core import model_file
from trainables.core.storage import place

pytestmark = pytest.mark.timeout(900)


def opened(browser, site, shots, name):
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(60_000)
    page.goto(site)
    page.get_by_role("link", name=re.compile(r"^00\d beta_vae")).first.wait_for()
    page.screenshot(path=shots / f"{name}.png")
    return page


def test_the_runs_come_sorted_by_rank_and_can_be_sorted_otherwise(browser, site, swept, shots):
    page = opened(browser, site, shots, "1-runs-by-rank")
    shown = page.get_by_role("link", name=re.compile(r"^00\d beta_vae")).all_inner_texts()
    order = [f"{trial.number:03d}" for trial in ranking(Folder(place(swept)).history())]
    assert [text[:3] for text in shown] == order
    # The view that comes with the sweep shows what is worth comparing.
    for column in ("rank", "state", "final/val/elbo", "beta", "latents", "lr"):
        assert page.get_by_role("columnheader", name=column, exact=True).count(), column
    page.get_by_role("button", name=re.compile("Sort")).click()
    page.get_by_placeholder("Search").last.fill("best/val/elbo")
    page.screenshot(path=shots / "2-sort-by.png")
    page.close()


def test_the_best_run_shows_its_tags_and_its_traversal(browser, site, swept, shots):
    best = ranking(Folder(place(swept)).history())[0]
    page = opened(browser, site, shots, "3-runs")
    page.get_by_role("link", name=re.compile(f"^{best.number:03d} beta_vae")).click()
    page.get_by_text("About this run").wait_for()
    for tag in ("rank", "state", "reason", "searched"):
        assert page.get_by_text(tag, exact=True).count(), tag
    page.screenshot(path=shots / "4-best-run.png")
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("pictures", exact=True).click()
    page.get_by_text("traversal", exact=True).click()
    page.get_by_text(f"step-{best.step:06d}.png", exact=True).click()
    picture = page.locator("img[src^='blob:'], img[src*='artifact'], canvas").first
    picture.wait_for()
    page.wait_for_timeout(1500)
    box = picture.bounding_box()
    assert box and box["width"] > 200 and box["height"] > 100
    page.screenshot(path=shots / "5-traversal.png")
    page.close()


def test_a_tag_set_in_the_page_is_found_and_its_model_comes_out(browser, site, storage, swept, shots):
    chosen = ranking(Folder(place(swept)).history())[1]
    page = opened(browser, site, shots, "6-runs")
    page.get_by_role("link", name=re.compile(f"^{chosen.number:03d} beta_vae")).click()
    page.get_by_role("button", name="Edit tags").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").click()
    page.keyboard.type("pick")
    page.keyboard.press("Enter")
    dialog.get_by_label("Value").fill("its strokes are clean")
    dialog.get_by_label("Add tag").click()
    page.screenshot(path=shots / "7-tag.png")
    dialog.get_by_role("button", name="Save").click()
    dialog.wait_for(state="hidden")
    page.get_by_text("its strokes are clean").first.wait_for()
    page.screenshot(path=shots / "8-tagged.png")

    said = teasel("pick", NAME, "--seeds", "2", "--storage", storage)
    assert f"Trial {chosen.number:03d}, its strokes are clean" in said
    target = storage / f"{NAME}-pick-{chosen.number:03d}"
    record = yaml.safe_load((target / "pick.yaml").read_text())
    assert (record["trial"], record["by"], record["because"]) == (chosen.number, "tag", "its strokes are clean")
    assert record["test"]["elbo"]["count"] == 2
    assert model_file.load(target / "model").sha256 == record["model"]["sha256"]
    uri = f"sqlite:///{storage / 'mlflow.db'}"
    version = MlflowClient(tracking_uri=uri, registry_uri=uri).get_model_version_by_alias(NAME, "pick")
    assert version.run_id and version.tags["because"] == "its strokes are clean"

    page.goto(site.partition("#")[0] + f"#/models/{NAME}")
    page.get_by_text("pick").first.wait_for()
    page.screenshot(path=shots / "9-registry.png")
    page.close()
