"""What MLflow calls: arrays in, codes out, and the players behind them."""

import numpy as np
import pytest
from tests_trainables import models

import trainables
from trainables.core.model import ModelError
from trainables.core.model_file import load
from trainables.core.python_function import _load_pyfunc


@pytest.mark.parametrize("name", trainables.names())
def test_codes_of_arrays(tmp_path, name):
    model = load(models.written(tmp_path / "model", name))
    function = _load_pyfunc(str(tmp_path / "model"))
    image_BCHW = models.images()
    params = {"labels": ["middle"]} if model.told else None
    found = function.predict(image_BCHW.numpy(), params)
    expected = model.encode(image_BCHW, 1 if model.told else None)
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[group], expected[group]) and found[group].dtype == np.float32 for group in found)
    assert function.get_raw_model().state_dict().keys() == model.modules.state_dict().keys()


def test_labels_by_name(tmp_path):
    function = _load_pyfunc(str(models.written(tmp_path / "model", "class_conditional_vae")))
    image_BCHW = models.images(count=3).numpy()
    each = function.predict(image_BCHW, {"labels": np.array(["left", "right", "left"])})
    alone = function.predict(image_BCHW[1:2], {"labels": ["right"]})
    np.testing.assert_allclose(each["w"][1], alone["w"][0], rtol=1e-5)
    for labels, message in ((["left", "right"], "one or 3, not 2"), (["up"], "No class 'up'"), ([], "with its class")):
        with pytest.raises(ModelError, match=message):
            function.predict(image_BCHW, {"labels": labels})
