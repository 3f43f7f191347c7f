"""A trial's pictures: those of the last report that has any, the main one first."""

from search.history import Report, Trial


def test_pictures_are_the_last_report_s_that_has_any():
    trial = Trial(number=0, method="jade", config={}, params={}, steps=9, seed=0, time=0.0)
    assert trial.pictures == ()
    drawn = ((), ("a/scatter.png",), ("b/traversal.png", "b/scatter.png"), ())
    for step, pictures in enumerate(drawn):
        trial.reports.append(Report(step=step, attempt=1, time=0.0, metrics={}, pictures=pictures))
    assert trial.pictures == ("b/traversal.png", "b/scatter.png")
