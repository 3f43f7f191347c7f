"""Picking a configuration: which trial, the sweep that trains it for good, and what is written down of it.

The picked configuration is trained anew under seeds that the search has not seen, on train and validation images, and
measured once on test images. Choosing has then cost the test data nothing. This module knows no MLflow and no Ray.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from search.folder import Folder
from search.goals import goals
from search.history import COMPLETE, FAIL, PRUNED, Configuration, History, Trial
from search.intervals import Interval, interval
from search.standings import standings, told_apart
from search.sweep import Sweep
from search.sweep_data import AGREEMENT
from trainables.core.redaction import redacted
from trainables.core.storage import Place

if TYPE_CHECKING:
    from trainables.core.dataset import Dataset

FINAL_SEEDS = 5
"""Fresh seeds under which a picked configuration is trained, unless another number is asked for."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A trial and why it was chosen; ``by`` is ``hand``, ``tag`` (in MLflow) or ``rule``."""

    trial: int
    because: str
    by: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "because", redacted(self.because))


def by_hand(history: History, number: int, because: str | None) -> Choice:
    """The trial that was named.  Raises ``ValueError`` where it cannot be picked."""
    usable(history, number, "")
    return Choice(trial=number, because=because or "chosen by hand", by="hand")


def by_tag(history: History, tagged: Mapping[int, str], because: str | None) -> Choice | None:
    """The trial whose MLflow run carries the tag ``pick``; None where no run does.

    Raises ``ValueError`` when two do, or one that cannot be picked.
    """
    if not tagged:
        return None
    where = " It carries the tag `pick` in MLflow; set it on another run."
    if unknown := [number for number in tagged if number >= len(history.trials)]:
        usable(history, unknown[0], where)
    if len({history.trials[number].configuration for number in tagged}) > 1:
        named = ", ".join(f"{number:03d}" for number in sorted(tagged))
        raise ValueError(
            f"The tag `pick` is set on the runs of several trials ({named}); leave it on one, or name the trial: "
            f"teasel pick {history.sweep['name']} TRIAL."
        )
    number = min(tagged)
    usable(history, number, where)
    # One line of moderate length, whoever wrote it: it becomes part of records and of pages.
    said = " ".join(tagged[number].split())[:500]
    plain = said.lower() in ("", "true", "yes", "1", "x", "pick")
    return Choice(trial=number, because=because or ("tagged in MLflow" if plain else said), by="tag")


def by_rule(history: History, because: str | None) -> Choice:
    """The first in the ranking.  Raises ``ValueError`` when no configuration was trained to its end."""
    order = [s for s in standings(history) if s.configuration.state == COMPLETE and not s.violated]
    if not order:
        kept = " that keeps the constraints" if history.sweep.get("constraints") else ""
        raise ValueError(f"{history.sweep['name']} has no complete configuration{kept}, so there is none to pick.")
    best = order[0]
    values = ", ".join(f"{metric} {value:.4g}" for metric, value in best.values.items())
    rule = f"first of {len(history.configurations)} by {values} on validation images"
    if apart := told_apart(history):
        rule += f". {apart.partition(':')[0].rstrip('.')}"
    return Choice(trial=best.configuration.first.number, because=because or rule, by="rule")


def usable(history: History, number: int, why: str) -> None:
    """Raises ``ValueError`` unless trial ``number`` was trained to a report that can be built on."""
    name = history.sweep.get("name", "The sweep")
    if not 0 <= number < len(history.trials):
        there = f"trials are 0 to {len(history.trials) - 1}" if history.trials else "it has none yet"
        raise ValueError(f"{name} has no trial {number}; {there}.{why}")
    trial = history.trials[number]
    if trial.state not in (COMPLETE, PRUNED):
        said = f"it failed, because {trial.reason}" if trial.state == FAIL else "it has not ended"
        raise ValueError(f"Trial {number:03d} of {name} cannot be picked: {said}.{why}")


def final_sweep(sweep: Sweep, history: History, choice: Choice, *, seeds: int, steps: int | None) -> Sweep:
    """The sweep that trains the picked configuration for good, under ``seeds`` seeds that the search has not seen."""
    trial = history.trials[choice.trial]
    first = max(t.seed for t in history.trials) + 1
    objectives = [o for o in sweep.objectives if seeds > 1 or o.metric != AGREEMENT]
    if not objectives:
        raise ValueError(f"The sweep's objective is {AGREEMENT}, which needs models to compare: at least 2 --seeds.")
    steps = steps or trial.steps
    return sweep.replace(
        name=f"{sweep.name[:66]}-pick-{trial.number:03d}",
        methods=(trial.method,),
        objectives=[{"metric": o.metric, "direction": o.direction} for o in objectives],
        constraints=(),
        budget={"trials": seeds, "steps": steps},
        seeds=seeds,
        seed=first,
        space=dict(trial.config),
        sampler={"name": "random"},
        schedule={"name": "none"},
        # One report, at the end: test images are looked at once.
        report_every=steps,
        picked={"sweep": sweep.name, "trial": trial.number},
    )


# -- what came of it ----------------------------------------------------------------------------------------------


def tested(configuration: Configuration) -> dict[str, Interval]:
    """Every metric's mean over the fresh seeds, on test images, with its 95 % interval; ``val/`` is left off names."""
    each = [trial.metrics for trial in configuration.trials]
    parts = ("train/", "val/kl_")
    names = [n for n in each[0] if not n.startswith(parts) and all(n in m and math.isfinite(m[n]) for m in each)]
    return {name.removeprefix("val/"): interval([metrics[name] for metrics in each]) for name in names}


def kept(history: History) -> Trial:
    """Whose weights become the model: the first fresh seed's.  Choosing by test results would flatter them."""
    return history.configurations[0].first


def write_model(place: Folder, history: History, dataset: Dataset, target: Place, about: Mapping[str, Any]) -> str:
    """Write the model of a finished final sweep as a model folder; the sha256 of its weights.

    Raises ``ModelError`` or ``CheckpointError`` when the checkpoint is not whole.
    """
    import search
    import trainables
    from trainables.core import checkpoint, model_file
    from trainables.core.evaluation import Evaluation
    from trainables.core.trial import CARD, CODES, KL, WEIGHTS

    trial = kept(history)
    folder = place.files / str(trial.reports[-1].checkpoint)
    card = json.loads(checkpoint.read(folder, CARD))
    method = trainables.method(trial.method)
    hp = model_file.hyperparameters(method, card["hyperparameters"])
    spec = dataset.split("train").spec
    modules = method.build(hp, spec)
    modules.load_state_dict(checkpoint.read_tensors(folder, WEIGHTS))
    stored = {name: value.numpy() for name, value in checkpoint.read_tensors(folder, CODES).items()}
    evaluation = Evaluation(
        metrics={},
        kl={name.removeprefix(KL): value for name, value in stored.items() if name.startswith(KL)},
        codes={name: value for name, value in stored.items() if not name.startswith(KL)},
    )
    data = history.sweep["data"]
    return model_file.write(
        target,
        method=trial.method,
        hp=hp,
        modules=modules.eval(),
        spec=spec,
        classes=dataset.classes,
        data=data,
        teasel=search.__version__,
        evaluation=evaluation,
        about=about,
    )


def record(
    choice: Choice, searched: History, final: History, found: Mapping[str, Interval], sha256: str
) -> dict[str, Any]:
    """What ``pick.yaml`` says."""
    trial = searched.trials[choice.trial]
    return {
        "sweep": searched.sweep["name"],
        "trial": choice.trial,
        "by": choice.by,
        "because": choice.because,
        "method": trial.method,
        "config": dict(trial.config),
        "steps": final.configurations[0].first.steps,
        "trained_on": "train and validation images",
        "seeds": [t.seed for t in final.configurations[0].trials],
        "test": {
            name: {"mean": one.mean, "low": _finite(one.low), "high": _finite(one.high), "count": one.count}
            for name, one in found.items()
        },
        "model": {"folder": "model", "sha256": sha256, "seed": kept(final).seed},
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_yaml(said: Mapping[str, Any]) -> str:
    """A record as YAML."""
    return yaml.safe_dump(dict(said), sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)


def test_uses(history: History) -> int:
    """For how many configurations of a sweep test images have been looked at."""
    return len({history.trials[pick.trial].configuration for pick in history.picks})


def model_card(said: Mapping[str, Any], searched: History, registered: str | None) -> str:
    """A page of Markdown for whoever is handed the model."""
    wanted = [goal.metric.removeprefix("val/") for goal in goals(searched.sweep.get("objectives", ()))]
    data = searched.sweep["data"]
    rows = "\n".join(f"| `{name}` | {_spread(one)} |" for name, one in _ordered(said["test"], wanted))
    config = yaml.safe_dump({"method": said["method"], **said["config"]}, sort_keys=False, allow_unicode=True)
    seeds = ", ".join(map(str, said["seeds"]))
    uses = test_uses(searched)
    warning = (
        f"\nTest images of this sweep have been looked at for {uses} configurations. Had the better of them been "
        "chosen by these figures, they would flatter it.\n"
        if uses > 1
        else ""
    )
    load = f"\nmlflow.pyfunc.load_model('{registered}')  # or by name, from MLflow" if registered else ""
    return f"""# {said["method"]} on {data["name"]}, picked from the sweep {said["sweep"]}

Trial {said["trial"]:03d}, chosen by {said["by"]}: {said["because"]}.

- **Chosen** on validation images, among {len(searched.configurations)} configurations ({len(searched.trials)} trials).
- **Trained** anew for {said["steps"]} steps on train and validation images, under the fresh seeds {seeds}.
- **Measured** once, on test images.
- **Weights** of seed {said["model"]["seed"]}: the first, whatever it scored.
{warning}
## On test images

| metric | mean, 95 % interval over seeds |
|---|---|
{rows}

## Configuration

```yaml
{config}```

## Use

```sh
teasel encode FOLDER images/ -o codes.parquet
teasel traverse FOLDER image.png
```

```python
from trainables.core import model_file
model = model_file.load("FOLDER")  # model.encode(images), model.decode(codes), model.modules{load}
```

FOLDER is the folder `model` beside this page: `model.safetensors`, `model.json` and a manifest with their sha256. No
part of it is pickled.
"""


def summary(said: Mapping[str, Any], searched: History) -> list[tuple[str, str]]:
    """The figures on test images that matter most, objectives first."""
    wanted = [goal.metric.removeprefix("val/") for goal in goals(searched.sweep.get("objectives", ()))]
    shown = [(n, _spread(one)) for n, one in _ordered(said["test"], wanted) if not n.startswith("condition/")]
    return shown[:12]


def _ordered(test: Mapping[str, Any], first: Sequence[str]) -> list[tuple[str, Any]]:
    return sorted(test.items(), key=lambda item: (item[0] not in first, item[0].startswith("condition/"), item[0]))


def _spread(one: Mapping[str, Any]) -> str:
    if one["low"] is None:
        return f"{one['mean']:.4g} (one seed)"
    return f"{one['mean']:.4g} ({one['low']:.4g} to {one['high']:.4g}, {one['count']} seeds)"
