"""A classifier against an encoder: what each of the two minimises.  This module knows no model.

The classifier has L independent sigmoids on the one-hot label. Cross-entropies are summed over the
classes and averaged over the batch, in nats, so that one weighs against a reconstruction that is
summed over pixels. Letters: B batch, L classes.

"uniform"   classifier: BCE(h, y)    encoder: BCE(h, 1/L), least where h says nothing: L·H(1/L)
"reverse"   classifier: BCE(h, y)    encoder: −BCE(h, y), the reversed gradient of Ganin & Lempitsky 2015
"report"    classifier: −BCE(h, y)   encoder: BCE(h, y)
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ADVERSARIES = ("uniform", "reverse", "report")

LOGIT_LIMIT = 10.0
""""report" clamps the logits to plus and minus this: its classifier's loss has no least value."""


def frozen(classifier: nn.Module, code_BZ: Tensor) -> Tensor:
    """Logits (B, L) with a gradient for ``code_BZ`` and none for the classifier's weights."""
    weights = {name: weight.detach() for name, weight in classifier.named_parameters()}
    return torch.func.functional_call(classifier, weights, (code_BZ,))


def cross_entropy(logits_BL: Tensor, target_BL: Tensor) -> Tensor:
    """Binary cross-entropy, summed over classes, averaged over the batch, nats."""
    return F.binary_cross_entropy_with_logits(logits_BL, target_BL, reduction="none").sum(1).mean()


def encoder_loss(adversary: str, logits_BL: Tensor, y_BL: Tensor) -> Tensor:
    """What the encoder minimises, from a frozen classifier's logits and one-hot labels, nats."""
    if adversary == "uniform":
        return cross_entropy(logits_BL, torch.full_like(y_BL, 1 / y_BL.shape[1]))
    if adversary == "reverse":
        return -cross_entropy(logits_BL, y_BL)
    assert adversary == "report", adversary
    return cross_entropy(_limited(logits_BL), y_BL)


def classifier_loss(adversary: str, logits_BL: Tensor, y_BL: Tensor) -> Tensor:
    """What the classifier minimises, nats."""
    if adversary == "report":
        return -cross_entropy(_limited(logits_BL), y_BL)
    return cross_entropy(logits_BL, y_BL)


def uniform_bound(classes: int) -> float:
    """The least that "uniform" can reach: L times the entropy of a coin of chance 1/L, nats."""
    chance = 1 / classes
    rest = (1 - chance) * math.log(1 - chance) if classes > 1 else 0.0
    return -classes * (chance * math.log(chance) + rest)


def _limited(logits_BL: Tensor) -> Tensor:
    return logits_BL.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)
