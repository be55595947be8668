"""Bayesian update of a surrogate with the measurements of a search.

The best of a hundred measured schedules is partly the luckiest on the validation images. Schedules are therefore ranked
by posterior accuracy: the updated surrogate plus a Gaussian process over its residuals.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from roboreg_core.schedules.schedule import Schedule
from roboreg_core.search.predictor_surrogate import PredictorSurrogate
from roboreg_core.search.surrogate import MAX_LOSS, AdditiveSurrogate, log_odds, share_of
from roboreg_core.sweeps.points import ClassCounts

# Prior standard deviation of the factors on a block's or a class's losses, around one.
FACTOR_DEVIATION = 0.4
# Standard deviation of measured log odds, with 2,000 images, and with 200 images of one class.
NOISE, CLASS_NOISE = 0.05, 0.16
NOISE_IMAGES, CLASS_NOISE_IMAGES = 2_000, 200
# Error of summed losses, relative to the loss.
RELATIVE_ERROR = 0.15
# Standard deviation and length scale (in halvings of the filter counts) of the residuals' Gaussian process.
RESIDUAL_DEVIATION, LENGTH_SCALE = 0.1, 1.5
SMALLEST_FACTOR = 0.05


def updated_surrogates(
    surrogate: AdditiveSurrogate | PredictorSurrogate,
    measured: Sequence[tuple[Schedule, ClassCounts]],
    n: int,
    generator: np.random.Generator,
) -> Iterator[AdditiveSurrogate | PredictorSurrogate]:
    """Yield the most likely surrogate given the measurements, then `n - 1` draws from the posterior.

    `measured` are schedules with their correct predictions on validation images.
    """
    if isinstance(surrogate, AdditiveSurrogate):
        yield from _updated_additive(surrogate, measured, n, generator)
        return
    likely, *drawn = _updated_additive(surrogate.additive, measured, n, generator)
    updated = replace(surrogate.with_measured(measured), additive=likely)
    yield updated
    yield from (replace(updated, sample=each) for each in drawn)


def _updated_additive(
    surrogate: AdditiveSurrogate,
    measured: Sequence[tuple[Schedule, ClassCounts]],
    n: int,
    generator: np.random.Generator,
) -> Iterator[AdditiveSurrogate]:
    """Rescale the losses of blocks and classes: Bayesian linear regression, then `n - 1` posterior draws."""
    counts = np.array([schedule.counts for schedule, _ in measured])
    n_blocks = surrogate.architecture.n_blocks
    predicted = surrogate.losses[0][np.arange(n_blocks), counts - 1]
    lost = np.array([_lost(each.accuracy, surrogate.dense.accuracy, each.total) for _, each in measured])
    summed = (np.clip(lost, 1e-3, MAX_LOSS) / surrogate.scale) ** (1 / surrogate.power)
    # Large losses are predicted less precisely and must not decide between good schedules.
    weight = 1 / (_noise(surrogate.dense) ** 2 + (RELATIVE_ERROR * summed) ** 2)
    precision = (predicted.T * weight) @ predicted + np.eye(n_blocks) / FACTOR_DEVIATION**2
    likely = np.linalg.solve(precision, (predicted.T * weight) @ summed + np.ones(n_blocks) / FACTOR_DEVIATION**2)
    covariance = np.linalg.inv(precision)
    of_blocks = _scaled(surrogate, likely, np.ones(len(surrogate.losses) - 1))
    classes = _class_factors(of_blocks, counts, [each for _, each in measured])
    yield _scaled(surrogate, likely, classes)
    for drawn in generator.multivariate_normal(likely, covariance, size=n - 1):
        yield _scaled(surrogate, drawn, classes)


def posterior_accuracy(
    surrogate: AdditiveSurrogate | PredictorSurrogate, measured: Sequence[tuple[Schedule, ClassCounts]]
) -> np.ndarray:
    """Posterior mean (n,) of the accuracy, 0..1, of the schedules in `measured`, given all these measurements."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    if not measured:
        return np.empty(0)
    counts = np.array([schedule.counts for schedule, _ in measured])
    if isinstance(surrogate, PredictorSurrogate):
        return surrogate.with_measured(measured).accuracy(counts)
    [likely] = _updated_additive(surrogate, measured, 1, np.random.default_rng(0))
    total = surrogate.dense.total
    observed = np.array([log_odds(each.accuracy, total) for _, each in measured])
    predicted = log_odds(likely.accuracy(counts), total)
    inputs = np.log2(counts / np.array(surrogate.architecture.bounds))
    kernel = ConstantKernel(RESIDUAL_DEVIATION**2, "fixed") * RBF(LENGTH_SCALE, "fixed")
    process = GaussianProcessRegressor(kernel, alpha=_noise(surrogate.dense) ** 2, optimizer=None)
    process.fit(inputs, observed - predicted)
    return share_of(predicted + process.predict(inputs), total)


def _noise(dense: ClassCounts) -> float:
    """Standard deviation of the log odds of an accuracy measured on as many images as that of the dense network."""
    return NOISE * float(np.sqrt(NOISE_IMAGES / dense.total))


def _scaled(surrogate: AdditiveSurrogate, blocks: np.ndarray, classes: np.ndarray) -> AdditiveSurrogate:
    """Multiply the losses by a factor per block (n_blocks,), and those of classes by a factor per class (classes,)."""
    factors = np.concatenate([[1.0], classes])[:, None, None] * np.maximum(blocks, SMALLEST_FACTOR)[None, :, None]
    return replace(surrogate, losses=surrogate.losses * factors)


def _class_factors(surrogate: AdditiveSurrogate, counts: np.ndarray, measured: Sequence[ClassCounts]) -> np.ndarray:
    """Measured loss of each class relative to the predicted one (classes,), shrunk towards one."""
    factors = np.ones(len(surrogate.losses) - 1)
    recalls = surrogate.recalls(counts)
    prior = 1 / FACTOR_DEVIATION**2
    for label in range(len(factors)):
        images, dense = surrogate.dense.images[label], surrogate.dense.recalls[label]
        if images:
            predicted = np.array([_lost(share, dense, images) for share in recalls[:, label]])
            lost = np.array([_lost(each.recalls[label], dense, images) for each in measured])
            noise = CLASS_NOISE * np.sqrt(CLASS_NOISE_IMAGES / images)
            weight = 1 / (noise**2 + (RELATIVE_ERROR * predicted) ** 2)
            factors[label] = ((weight * predicted) @ lost + prior) / ((weight * predicted) @ predicted + prior)
    return np.maximum(factors, SMALLEST_FACTOR)


def _lost(share: float, dense: float, images: int) -> np.ndarray:
    return log_odds(dense, images) - log_odds(share, images)
