"""python fuzz.py PARSER SEED EXAMPLES FOLDER"""

from __future__ import annotations

import importlib.util
import os
import resource
import sys
import warnings
from pathlib import Path

CHAOS = Path(__file__).parents[1]

if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("teasel_tests_conftest", CHAOS.parent / "conftest.py")
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    warnings.simplefilter("ignore")
    import torch  # noqa: F401  (it takes three billion bytes of address space, which are not a parser's)
    from tests_chaos.hostile.fuzzed import tried

    folder = Path(sys.argv[4])
    os.chdir(folder)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + 2 * 2**30, resource.RLIM_INFINITY))
    tried(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), folder)
