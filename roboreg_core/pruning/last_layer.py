"""Fit of the last layer to the dense network's logits, then to its probabilities.

The cross-entropy to the dense network's probabilities is convex in the last layer's weights and is minimised without
labels: by Newton's method (iteratively reweighted least squares), for many classes by L-BFGS.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from roboreg_core.pruning.least_squares import gram_bands, gram_of, ridge, second_moments, solve

# Ridge penalty towards the weights fitted to the logits, as a share of each input's mean square.
PENALTY = 3e-3
# Newton steps. Convergence is quadratic: after a relative gain below `SMALLEST_GAIN` the next is about its square.
MAX_STEPS = 4
SMALLEST_GAIN = 1e-3
# Most unknowns for Newton's method, whose memory and time grow with their square and cube; also L-BFGS's steps beyond.
LARGEST_HESSIAN = 2_000
MOST_GRADIENT_STEPS = 100
# Step lengths tried until one lowers the loss.
STEP_LENGTHS = (1.0, 0.5, 0.25)


def fit_last_layer(features: Tensor, logits: Tensor, weights: Tensor) -> Tensor:
    """Fit weights and bias of the last layer; return them as (n_features + 1, classes), bias last.

    Args:
        features: inputs of the pruned network's last layer, (n, n_features).
        logits: logits of the dense network, (n, classes).
        weights: weights and bias of the dense network, (n_features + 1, classes), bias last.
    """
    fitted_to_logits = ridge(second_moments([(features, logits)]), weights)
    inputs = F.pad(features.cpu().double(), (0, 1), value=1.0)
    fit = _newton if weights.numel() <= LARGEST_HESSIAN else _lbfgs
    return fit(inputs, logits.cpu().double().softmax(1), fitted_to_logits).float()


def _lbfgs(inputs: Tensor, targets: Tensor, start: Tensor) -> Tensor:
    """Minimise by L-BFGS (Liu and Nocedal 1989)."""
    from scipy.optimize import minimize

    penalty = _penalty(inputs)

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = torch.from_numpy(flat).view_as(start)
        gradient = inputs.T @ ((inputs @ weights).softmax(1) - targets) / len(inputs) + penalty * (weights - start)
        return _loss(inputs, targets, weights, start, penalty), gradient.flatten().numpy()

    found = minimize(
        loss_and_gradient,
        start.flatten().numpy(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MOST_GRADIENT_STEPS, "ftol": SMALLEST_GAIN**2},
    )
    return torch.from_numpy(found.x).view_as(start)


def _penalty(inputs: Tensor) -> Tensor:
    """Ridge penalty of each input's weights, (n_features + 1, 1)."""
    return PENALTY * inputs.square().mean(0)[:, None]


def _newton(inputs: Tensor, targets: Tensor, start: Tensor) -> Tensor:
    penalty = _penalty(inputs)
    weights, lowest = start, _loss(inputs, targets, start, start, penalty)
    for _ in range(MAX_STEPS):
        predicted = (inputs @ weights).softmax(1)
        gradient = inputs.T @ (predicted - targets) / len(inputs) + penalty * (weights - start)
        hessian = _hessian(inputs, predicted, penalty)
        step = solve(hessian, gradient.T.reshape(-1, 1)).view(gradient.T.shape).T
        for length in STEP_LENGTHS:
            better = weights - length * step
            loss = _loss(inputs, targets, better, start, penalty)
            if loss < lowest:
                break
        else:
            break
        gain, weights, lowest = lowest - loss, better, loss
        if gain < SMALLEST_GAIN * lowest:
            break
    return weights


def _loss(inputs: Tensor, targets: Tensor, weights: Tensor, start: Tensor, penalty: Tensor) -> float:
    cross_entropy = -(targets * (inputs @ weights).log_softmax(1)).sum(1).mean()
    return float(cross_entropy + 0.5 * (penalty * (weights - start).square()).sum())


def _hessian(inputs: Tensor, predicted: Tensor, penalty: Tensor) -> Tensor:
    """Hessian of the loss, (classes * size, classes * size), class by class.

    float32 is enough: it affects the path of the iteration, not its limit.
    """
    n, size = inputs.shape
    classes = predicted.shape[1]
    rows = inputs.float()
    weighted = (predicted.float()[:, :, None] * rows[:, None]).flatten(1)
    diagonal_blocks = (rows.T @ weighted).view(size, classes, size).transpose(0, 1)
    hessian = torch.block_diag(*diagonal_blocks).sub_(gram_of(gram_bands(weighted)))
    regular = (hessian / n).double()
    # The constant keeps the matrix regular if an input is zero on every image.
    regular.diagonal().add_(penalty[:, 0].repeat(classes) + 1e-9)
    return regular
