"""A sweep's datasets on a machine.  Runs on the nodes: only the standard library at the top.

What is asked is the node's own Teasel, since that is what its trials will use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def look_at_images(data: Mapping[str, Any] | None, data_root: str | None) -> list[dict[str, Any]]:
    """For the dataset and its second one: ``{"name": ..., "state": ..., ...}``, the fields of ``facts.Images``."""
    if data is None:
        return []
    try:
        from trainables.core.at_hand import at_hand
        from trainables.core.dataset import Source
    except ImportError as error:
        return [{"name": data["name"], "state": "unknown", "reason": f"Teasel there cannot tell ({error})"}]
    found = []
    source: Source | None = Source.of(data)
    while source is not None:
        found.append(at_hand(source.name, source.options, data_root=data_root))
        source = source.secondary
    return found
