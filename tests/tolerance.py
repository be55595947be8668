"""Tolerances for rounding errors, independent of the processor.

Processors add in different orders, in different numbers of accumulators, with and without fused multiply-add. In any
order a sum of n products has an error of at most n u times the sum of their absolute values, where u = eps / 2 is the
unit roundoff (Higham 2002, *Accuracy and Stability of Numerical Algorithms*, sections 3.1 and 4.2). Independent errors
of mean zero add up like a random walk: sqrt(n) takes the place of n (Higham and Mary 2019, *A New Approach to
Probabilistic Rounding Error Analysis*, theorem 2.4). With d
layers it is sqrt(n d). Two computations, each within u sqrt(n d) of the exact value, differ by at most eps sqrt(n d).

Tolerances are relative to norms: an element near zero, where large products cancel, has the error of its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.models.costs import cost
from roboreg_core.pruning.least_squares import RIDGE, TAPS
from roboreg_core.schedules.schedule import Schedule, dense_schedule

DENSE = dense_schedule()
# Of this network: number of layers, and products in the longest sum.
LAYERS, PRODUCTS = len(cost(DENSE).layers), TAPS * max(DENSE.bounds)
# Amplification of errors of the moments by a ridge solve, in predictions and in weights: the norms of
# (X'X + r)^-1 X' and of (X'X + r)^-1 for X of norm one.
PREDICTED, SOLVED = 0.5 / math.sqrt(RIDGE), 1 / RIDGE


def rounding(terms: int, dtype: torch.dtype = torch.float32, depth: int = 1) -> float:
    """Largest difference, relative to the norm, of two computations of sums of `terms` products in `depth` layers."""
    return torch.finfo(dtype).eps * math.sqrt(terms * depth)


def assert_same(
    actual: Any,
    expected: Any,
    *,
    terms: int,
    depth: int = 1,
    dtype: torch.dtype | None = None,
    scale: float | None = None,
) -> None:
    """Assert that two tensors, arrays, numbers, or dicts of them differ by rounding only.

    Args:
        actual, expected: of the same shape.
        terms: products in the longest sum.
        depth: number of successive sums.
        dtype: of the computation; default is the less precise of the two.
        scale: norm of the terms, if it exceeds the norm of `expected` because terms cancel.
    """
    if isinstance(expected, Mapping):
        assert actual.keys() == expected.keys()
        for name in expected:
            assert_same(actual[name], expected[name], terms=terms, depth=depth, dtype=dtype, scale=scale)
        return
    found, wanted = _tensor(actual), _tensor(expected)
    assert found.shape == wanted.shape
    eps = rounding(terms, dtype or _less_precise(found, wanted), depth)
    size = float(wanted.double().norm()) if scale is None else scale
    difference = float((found.double() - wanted.double()).norm())
    # NaN must fail as well.
    assert difference <= eps * size, f"must differ by at most {eps:.3g} * {size:.3g} (norm), got {difference:.3g}"


def assert_same_logits(
    actual: Any, expected: Any, *, dtype: torch.dtype = torch.float32, network: Schedule = DENSE
) -> None:
    """`assert_same` for logits of a whole network; half precision rounds both factors of a product, not the sums."""
    terms = TAPS * max(network.bounds) if dtype == torch.float32 else 2
    assert_same(actual, expected, terms=terms, depth=len(cost(network).layers), dtype=dtype)


def assert_same_loss(actual: float | None, logits: Tensor, labels: Tensor) -> None:
    """`assert_same` for a mean cross-entropy, whose error is at most that of the largest logit."""
    expected = F.cross_entropy(logits, labels).item()
    assert_same(actual, expected, terms=PRODUCTS, depth=LAYERS, dtype=logits.dtype, scale=float(logits.abs().max()))


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else torch.tensor(value, dtype=torch.float64)


def _less_precise(*values: Tensor) -> torch.dtype:
    """Less precise floating-point dtype; integers count as float64, so they must be equal."""
    kinds = [value.dtype if value.is_floating_point() else torch.float64 for value in values]
    return max(kinds, key=lambda kind: torch.finfo(kind).eps)
