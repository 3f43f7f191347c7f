"""The C library's memory: a process that trains keeps what it frees, because the next step needs as much again.

Given back, all of it would be cleared and mapped anew at every step, which costs a CPU up to a fifth of its time.
"""

from __future__ import annotations

import ctypes
import functools
import sys

# The names and numbers of <malloc.h>.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3

KEPT = {M_MMAP_THRESHOLD: 2**30, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 2**28}
"""Bytes: blocks up to the first come from the heap, which is never cut below the second and grows by the third."""


@functools.cache
def keep_memory() -> bool:
    """Have this process keep freed memory for its next step; whether its C library can be told so (glibc's can)."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(name, value) == 1 for name, value in KEPT.items()])
