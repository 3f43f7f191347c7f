"""What must hold of a ledger's history whatever died while it was written."""

from search.history import COMPLETE, FAIL, PRUNED, History


def essence(history: History):
    """All that an interruption must not change: configurations, reports and endings, in order."""
    return [
        (
            trial.number,
            trial.method,
            dict(trial.config),
            [(report.step, dict(report.metrics)) for report in trial.reports],
            trial.state,
            trial.reason,
        )
        for trial in history.trials
    ]


def check(history: History, sweep) -> None:
    """Each trial once, each step once and in order, nothing left running, none beyond the budget."""
    assert [trial.number for trial in history.trials] == list(range(history.budget))
    for trial in history.trials:
        assert trial.state in (COMPLETE, PRUNED, FAIL), f"trial {trial.number} is left {trial.state}"
        assert trial.reason, f"trial {trial.number} has no reason"
        steps = [report.step for report in trial.reports]
        assert steps == [s for s in sweep.report_steps if s <= trial.step], f"trial {trial.number}: {steps}"
        if trial.state == COMPLETE:
            assert trial.step == trial.steps
    told = [(trial.method, tuple(sorted(trial.config.items()))) for trial in history.trials]
    assert len(set(told)) == len(told), "a configuration was suggested twice"
