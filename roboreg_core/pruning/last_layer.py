"""Solves the last layer so that the pruned network gives the dense network's logits, then its probabilities.

The second is iteratively reweighted least squares: the likelihood of the dense network's probabilities is convex in the
last layer's weights, and Newton's method solves it in a few ridge problems. No label, no rate, no other layer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.pruning.least_squares import gram_bands, gram_of, moments, ridge, solved

# Pull towards the weights that fit the logits, as a share of each input's mean square.
PULL = 3e-3
# Newton's steps, at most. They converge quadratically: behind one that gains this share of the loss, the next one
# would gain about a millionth.
STEPS = 4
SMALLEST_GAIN = 1e-3
# Shares of a step that are tried until one lowers the loss.
SHARES = (1.0, 0.5, 0.25)


def fit_last_layer(features: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """Weights with a constant, (n_features + 1, classes).

    Args:
        features: (n, n_features), what the pruned network's last layer gets.
        wanted: (n, classes), logits of the dense network.
        weights: (n_features + 1, classes), those of the dense network.
    """
    to_logits = ridge(moments([(features, wanted)]), weights)
    inputs = F.pad(features.cpu().double(), (0, 1), value=1.0)
    return _to_probabilities(inputs, wanted.cpu().double().softmax(1), to_logits).float()


def _to_probabilities(inputs: Tensor, wanted: Tensor, start: Tensor) -> Tensor:
    pull = PULL * inputs.square().mean(0)[:, None]
    weights, lowest = start, _loss(inputs, wanted, start, start, pull)
    for _ in range(STEPS):
        given = (inputs @ weights).softmax(1)
        slope = inputs.T @ (given - wanted) / len(inputs) + pull * (weights - start)
        step = solved(_curvature(inputs, given, pull), slope.T.reshape(-1, 1)).view(slope.T.shape).T
        for share in SHARES:
            better = weights - share * step
            loss = _loss(inputs, wanted, better, start, pull)
            if loss < lowest:
                break
        else:
            break
        gain, weights, lowest = lowest - loss, better, loss
        if gain < SMALLEST_GAIN * lowest:
            break
    return weights


def _loss(inputs: Tensor, wanted: Tensor, weights: Tensor, start: Tensor, pull: Tensor) -> float:
    cross_entropy = -(wanted * (inputs @ weights).log_softmax(1)).sum(1).mean()
    return float(cross_entropy + 0.5 * (pull * (weights - start).square()).sum())


def _curvature(inputs: Tensor, given: Tensor, pull: Tensor) -> Tensor:
    """The reweighted normal equations' left side, (classes * size, classes * size), class by class.

    It only steers the steps, the slope says where they end; so float32 will do.
    """
    n, size = inputs.shape
    classes = given.shape[1]
    rows = inputs.float()
    weighted = (given.float()[:, :, None] * rows[:, None]).flatten(1)
    own = (rows.T @ weighted).view(size, classes, size).transpose(0, 1)
    whole = torch.block_diag(*own).sub_(gram_of(gram_bands(weighted)))
    regular = (whole / n).double()
    # Never nothing: an input that is zero on every image has no single solution.
    regular.diagonal().add_(pull[:, 0].repeat(classes) + 1e-9)
    return regular
