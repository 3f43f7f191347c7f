"""A sweep at the Ray of argument 2, in the storage of argument 1: its trial needs half of a GPU and gets a quarter."""

import json
import sys

from search import connection, on_ray
from search.run import Driver, create, loop
from search.sweep_file import from_command_line
from trainables.core.conditions import OUT_OF_MEMORY
from trainables.core.ray_trainable import ATTEMPT, REPORT, SHARE, SweepTrial


class Starved(SweepTrial):
    """Runs on the CPU what should be on a GPU, and out of memory with less than half of one."""

    def setup(self, config):
        super().setup({**config, ATTEMPT: {**config[ATTEMPT], "device": "cpu"}})
        self.share = config[SHARE]

    def step(self):
        if self.share < 0.5:
            return {REPORT: json.dumps({"failed": "CUDA out of memory.", "condition": OUT_OF_MEMORY, "host": "here"})}
        return super().step()


if __name__ == "__main__":
    sweep = from_command_line(
        ["beta_vae"],
        data="digits",
        objectives=["val/elbo"],
        trials=1,
        steps=20,
        gpu=0.25,
        sets=["data.size=16", "network=mlp", "hidden=32"],
        name="starved",
        storage=sys.argv[1],
    )
    assert connection.connect(sweep, sys.argv[2]) == 2, "there are fewer CPUs than quarters of the GPU"
    place, ledger = create(sweep)
    with ledger:
        on_ray.run(Driver(place, sweep, loop(ledger, sweep, concurrency=2)), trial=Starved)
    connection.disconnect()
