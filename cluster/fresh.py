"""Call a function once for each argument, on the cluster, in a process of its own each time.  Knows not what for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ray


def each(function: Callable[[Any], Any], arguments: Iterable[Any], *, cpu: float, gpu: float) -> list[Any]:
    """The results, in order, of calls that hold ``cpu`` CPUs and ``gpu`` GPUs each.

    An exception of ``function`` is raised as it was; a process that died (out of memory) as ``ValueError``.
    """
    # The process ends with its call, so that nothing is left in its memory for the next.
    task = ray.remote(num_cpus=cpu, num_gpus=gpu, max_calls=1, max_retries=0)(function)
    try:
        return ray.get([task.remote(argument) for argument in arguments])
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise ValueError(f"a process of the cluster died: {str(error).splitlines()[0]}") from None
