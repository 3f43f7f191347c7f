"""Is a machine or a cluster ready for a sweep?  ``look`` at it, then ``judge`` what was found.

``machine``, ``gpus``, ``files``, ``doors`` and ``images`` run on the nodes; they are sent there by value, so they must
also run where Teasel is missing or another one, and import nothing but the standard library at their top.
``facts`` is what is found, ``judgement`` what is wrong with it; ``session`` and ``nodes`` speak Ray.
"""
