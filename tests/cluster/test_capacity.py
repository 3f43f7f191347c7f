"""Room for trials: of nodes, of what an autoscaler may add, of a real Ray."""

import json
import os
import subprocess
import sys

import pytest

from cluster.capacity import Group, declared, fits, from_cluster_file, room

SMALL, LARGE = {"CPU": 4.0, "GPU": 1.0}, {"CPU": 16.0, "GPU": 4.0}


@pytest.mark.parametrize(
    ("nodes", "want", "places"),
    [
        ([SMALL], {"CPU": 1}, 4),
        ([SMALL, LARGE], {"CPU": 1, "GPU": 0}, 20),
        ([SMALL, LARGE], {"CPU": 1, "GPU": 0.25}, 4 + 16),
        ([SMALL, LARGE], {"CPU": 1, "GPU": 0.3333}, 3 + 12),
        ([SMALL, SMALL], {"CPU": 6}, 0),
        ([SMALL, LARGE], {"GPU": 2}, 2),
        ([{"CPU": 2.0}], {"CPU": 0, "GPU": 0}, 2),
        ([{"CPU": 0.0}, {}], {"CPU": 1}, 0),
        ([{"CPU": 1.0, "GPU": 1.0}], {"GPU": 0.1}, 10),
    ],
)
def test_a_trial_lies_on_one_node(nodes, want, places):
    assert fits(nodes, want) == places


def test_what_a_cluster_file_may_grow_to():
    file = {
        "max_workers": 6,
        "head_node_type": "head",
        "available_node_types": {
            "head": {"resources": {"CPU": 2}, "max_workers": 0},
            "small": {"resources": SMALL, "max_workers": 5},
            "large": {"resources": LARGE, "max_workers": 4},
            "unknown": {"max_workers": 3},
        },
    }
    found = from_cluster_file(file)
    assert found == (
        Group(nodes=4, resources=LARGE),
        Group(nodes=2, resources=SMALL),
        Group(nodes=1, resources={"CPU": 2.0}),
    )
    assert room(found, {"CPU": 1, "GPU": 0.5}) == 4 * 8 + 2 * 2
    assert from_cluster_file({"cluster_name": "local"}) == from_cluster_file(None) == ()


@pytest.mark.parametrize("text", ["", "8", "[8]", '[{"CPU": 8}]', '[{"nodes": "many"}]', '[{"nodes": 1, "CPU": "x"}]'])
def test_groups_that_cannot_be_read_say_what_they_must_be(text):
    with pytest.raises(ValueError, match=r"TEASEL_NODE_GROUPS is .*it must be JSON such as"):
        declared(text)


ASK = """
import json, sys, ray
from cluster.capacity import capacity
ray.init(address=sys.argv[1], log_to_driver=False)
print(json.dumps([(c.now, c.most) for c in map(capacity, json.loads(sys.argv[2]))]))
"""


def test_a_real_ray_and_what_may_be_added_to_it(ray_address, tmp_path):
    def asked(*want, **environment):
        words = [sys.executable, "-c", ASK, ray_address, json.dumps(want)]
        return json.loads(subprocess.check_output(words, env={**os.environ, "HOME": str(tmp_path), **environment}))

    assert asked({"CPU": 1, "GPU": 0}, {"CPU": 1, "GPU": 0.5}, {"CPU": 3}) == [[2, 2], [2, 2], [0, 0]]
    groups = json.dumps([{"nodes": 3, "CPU": 4, "GPU": 2}])
    assert asked({"CPU": 1, "GPU": 0.5}, {"CPU": 3}, TEASEL_NODE_GROUPS=groups) == [[2, 12], [0, 3]]
