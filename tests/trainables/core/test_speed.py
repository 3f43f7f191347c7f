"""What is said of a machine is what its trials do."""

import trainables
from trainables.core import speed
from trainables.core.dataset import open_dataset
from trainables.core.training import Training


def test_what_is_said_is_what_is_done():
    said = speed.active("cpu")
    method = trainables.method("beta_vae")
    data = open_dataset("digits", {"size": 16}).split("train")
    training = Training(method, method.Hyperparameters(), data, seed=0, precision="auto")
    assert said[0] == f"networks compute in {training.precision.name}: {training.precision.reason}"
    assert any("compiled" in line for line in said) and any("memory" in line for line in said)


def test_huge_pages_are_read_from_the_kernel(tmp_path, monkeypatch):
    for text, means in (("always [madvise] never", "in huge pages"), ("always madvise [never]", "says 'never'")):
        (tmp_path / "enabled").write_text(text)
        monkeypatch.setattr(speed, "HUGE_PAGES", tmp_path / "enabled")
        assert means in speed.active("cpu")[-1]
