"""Tries the cases of one kind, a JSON line for each: python child.py KIND [NAME TO SKIP …]"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import resource
import sys
import tempfile
import warnings
from pathlib import Path

CHAOS = Path(__file__).parents[1]
ROOM = 3 * 2**30
"""Bytes of address space beside what is there when the cases begin: a bomb must not take the machine with it."""


def main(kind: str, skipped: set[str]) -> None:
    spec = importlib.util.spec_from_file_location("teasel_tests_conftest", CHAOS.parent / "conftest.py")
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    warnings.simplefilter("ignore")
    from tests_chaos.hostile.case import judged

    module = importlib.import_module(f"tests_chaos.hostile.{kind}")
    for name in getattr(module, "NEEDS", ()):
        # Libraries take address space too, and what is measured is what cases add.
        importlib.import_module(name)
    cases = module.CASES
    # What libraries have made is not looked through again before each case.
    gc.freeze()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + ROOM, resource.RLIM_INFINITY))
    for case in cases:
        if case.name in skipped:
            continue
        print(json.dumps({"begins": case.name}), flush=True)
        with tempfile.TemporaryDirectory(prefix="teasel-hostile-", ignore_cleanup_errors=True) as scratch:
            os.environ["TEASEL_CACHE"] = f"{scratch}/cache"
            os.chdir(scratch)
            try:
                print(json.dumps(judged(case, Path(scratch)).record), flush=True)
            finally:
                os.chdir("/")


if __name__ == "__main__":
    main(sys.argv[1], set(sys.argv[2:]))
