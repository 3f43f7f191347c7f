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
    assert [trial.number for trial in history.trials] == list(range(len(history.trials)))
    assert 0 <= history.budget - len(history.trials) < history.seeds, "a configuration was left out"
    for trial in history.trials:
        assert trial.state in (COMPLETE, PRUNED, FAIL), f"trial {trial.number} is left {trial.state}"
        assert trial.reason, f"trial {trial.number} has no reason"
        steps = [report.step for report in trial.reports]
        assert steps == [s for s in sweep.report_steps if s <= trial.step], f"trial {trial.number}: {steps}"
        if trial.state == COMPLETE:
            assert trial.step == trial.steps
    told = [(c.first.method, tuple(sorted(c.first.config.items()))) for c in history.configurations]
    assert len(set(told)) == len(told), "a configuration was suggested twice"
    for configuration in history.configurations:
        seeds = [trial.seed for trial in configuration.trials]
        assert seeds == list(range(seeds[0], seeds[0] + len(seeds))), "replicates have the seeds in order"
        assert all(trial.config == configuration.first.config for trial in configuration.trials)
        if configuration.state == PRUNED and history.closed is None:
            assert len({trial.step for trial in configuration.trials}) == 1, "replicates are stopped together"
