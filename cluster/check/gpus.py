"""Torch, and the GPUs of a machine, each proven by a kernel.  Runs on the nodes: only the standard library at the top.

The kernels run in a process of their own: Ray may hide the GPUs from a task that asks for none, asking for all of them
would wait for other sweeps, and a CUDA context that stays in a worker would keep its memory.
"""

from __future__ import annotations

import contextlib
import glob
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

KERNELS = """
import json
try:
    import torch
except Exception as error:
    said = str(error).splitlines() or [type(error).__name__]
    print("\\n" + json.dumps({"torch": "", "faults": [f"torch: {said[0]}"], "gpus": [], "gpu_fault": "", "speed": []}))
    raise SystemExit
found, fault = [], ""
try:
    count = torch.cuda.device_count()
    if not count:
        if torch.version.cuda is None and torch.version.hip is None:
            fault = f"torch {torch.__version__} is built without CUDA"
        else:
            try:
                torch.cuda.init()
                fault = "torch sees none"
            except Exception as error:
                fault = str(error).splitlines()[0]
except Exception as error:
    count, fault = 0, str(error).splitlines()[0]
for index in range(count):
    one = {"name": f"GPU {index}"}
    try:
        about = torch.cuda.get_device_properties(index)
        one |= {"name": about.name, "capability": f"{about.major}.{about.minor}", "memory": about.total_memory}
        one["free"] = torch.cuda.mem_get_info(index)[0]
        x = torch.ones((256, 256), device=f"cuda:{index}")
        if float((x @ x).sum()) != 256.0**3:
            one["fault"] = "a matrix product came out wrong"
    except Exception as error:
        one["fault"] = str(error).splitlines()[0]
    found.append(one)
try:
    from trainables.core.speed import active
    speed = active("cuda" if found else "cpu")
except Exception:
    # A node without Teasel, or with an older one, says so elsewhere.
    speed = []
print("\\n" + json.dumps({"torch": torch.__version__, "faults": [], "gpus": found, "gpu_fault": fault, "speed": speed}))
"""


def look_at_torch(offered: float, patience: float) -> dict[str, Any]:
    """``torch`` (its version), ``faults``, ``gpus``, ``speed``, and ``gpu_fault``, empty where no GPU is expected."""
    environment = {key: value for key, value in os.environ.items() if key not in VISIBLE}
    environment |= {key: value for key, value in _initial().items() if key in VISIBLE}
    try:
        ran = subprocess.run(
            [sys.executable, "-P", "-c", KERNELS],
            capture_output=True,
            text=True,
            timeout=patience,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _nothing(f"{SLOW} {patience:g} s")
    except OSError as error:
        return _nothing(str(error))
    try:
        answer = json.loads(ran.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        last = (ran.stderr.strip().splitlines() or [f"its process ended with {ran.returncode}"])[-1]
        return _nothing(last[:300])
    expected = offered or glob.glob("/dev/nvidia[0-9]*") or os.path.exists("/dev/kfd")
    answer["torch"] = answer["torch"] or written_version("torch", "version.py")
    return answer if expected else answer | {"gpu_fault": ""}


def written_version(package: str, file: str) -> str:
    """The ``__version__`` that a package's file states, without importing it; empty where there is no such file."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        with contextlib.suppress(OSError):
            found = re.search(r"^__version__ = ['\"](.+)['\"]", Path(folder, file).read_text(), re.MULTILINE)
            if found:
                return found[1]
    return ""


def _nothing(fault: str) -> dict[str, Any]:
    version = written_version("torch", "version.py")
    return {"torch": version, "faults": [f"torch: {fault}"], "gpus": [], "gpu_fault": "", "speed": []}


SLOW = "not imported, and no kernel run, within"
VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


def _initial() -> dict[str, str]:
    """This process's environment as it was started with: Ray changes ``CUDA_VISIBLE_DEVICES`` afterwards."""
    try:
        with open("/proc/self/environ", "rb") as file:
            pairs = file.read().decode(errors="replace").split("\0")
    except OSError:
        return {}
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
