"""An outlook mended by what was measured: how much each block's and each class's losses count.

The best of a hundred measured schedules is partly the luckiest on 2,000 images. So they are compared by what is
believed of them once all are seen together: the mended outlook, and a smooth function for what it leaves (a Gaussian
process).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from roboreg_core.schedules.schedule import BOUNDS, N_BLOCKS, Schedule
from roboreg_core.search.predictor_surrogate import PredictorSurrogate
from roboreg_core.search.surrogate import LARGEST, AdditiveSurrogate, log_odds, share_of
from roboreg_core.sweeps.points import N_CLASSES, ClassCounts

# How far a block's losses may be from what its curve says: the deviation of a factor around one.
SPREAD = 0.4
# Deviations of measured log odds of 2,000 images, and of a class's 200, which every schedule sees alike.
NOISE, CLASS_NOISE = 0.05, 0.16
# How far sums are off beside, as a share of what is lost.
ROUGH = 0.15
# What the mended outlook leaves: its deviation, and over how many halvings of clusters it is alike.
LEFT, ALIKE = 0.1, 1.5
# No block is believed to lose nothing.
SMALLEST_FACTOR = 0.05


def mended(
    outlook: AdditiveSurrogate | PredictorSurrogate,
    measured: Sequence[tuple[Schedule, ClassCounts]],
    n: int,
    generator: np.random.Generator,
) -> Iterator[AdditiveSurrogate | PredictorSurrogate]:
    """The outlook after what was measured, then `n - 1` that are about as likely, drawn around it."""
    if isinstance(outlook, AdditiveSurrogate):
        yield from _mended_sums(outlook, measured, n, generator)
        return
    learnt = outlook.with_measured(measured)
    likely, *drawn = _mended_sums(outlook.sums, measured, n, generator)
    yield replace(learnt, sums=likely)
    yield from (replace(learnt, sums=likely, off=each) for each in drawn)


def _mended_sums(
    outlook: AdditiveSurrogate, measured: Sequence[tuple[Schedule, ClassCounts]], n: int, generator: np.random.Generator
) -> Iterator[AdditiveSurrogate]:
    """The sums with the most likely factors for what was measured, then `n - 1` with factors drawn around them."""
    counts = np.array([schedule.clusters for schedule, _ in measured])
    told = outlook.losses[0][np.arange(N_BLOCKS), counts - 1]
    lost = np.array([_lost(seen.accuracy, outlook.dense.accuracy, seen.total) for _, seen in measured])
    unbent = (np.clip(lost, 1e-3, LARGEST) / outlook.scale) ** (1 / outlook.power)
    # Where much is lost the sum is further off: what lies far from the answers must not decide.
    sure = 1 / (NOISE**2 + (ROUGH * unbent) ** 2)
    precision = (told.T * sure) @ told + np.eye(N_BLOCKS) / SPREAD**2
    likely = np.linalg.solve(precision, (told.T * sure) @ unbent + np.ones(N_BLOCKS) / SPREAD**2)
    around = np.linalg.inv(precision)
    classes = _class_factors(_scaled(outlook, likely, np.ones(N_CLASSES)), counts, [seen for _, seen in measured])
    yield _scaled(outlook, likely, classes)
    for drawn in generator.multivariate_normal(likely, around, size=n - 1):
        yield _scaled(outlook, drawn, classes)


def believed(
    outlook: AdditiveSurrogate | PredictorSurrogate, measured: Sequence[tuple[Schedule, ClassCounts]]
) -> np.ndarray:
    """Accuracy (n,) of measured schedules as all measurements together let believe: what was luck is taken off."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    if not measured:
        return np.empty(0)
    counts = np.array([schedule.clusters for schedule, _ in measured])
    if isinstance(outlook, PredictorSurrogate):
        return outlook.with_measured(measured).accuracy(counts)
    [likely] = _mended_sums(outlook, measured, 1, np.random.default_rng(0))
    total, told = outlook.dense.total, likely.accuracy(counts)
    seen = np.array([log_odds(each.accuracy, total) for _, each in measured])
    expected = np.array([log_odds(share, total) for share in told])
    place = np.log2(counts / np.array(BOUNDS))
    kernel = ConstantKernel(LEFT**2, "fixed") * RBF(ALIKE, "fixed")
    process = GaussianProcessRegressor(kernel, alpha=NOISE**2, optimizer=None).fit(place, seen - expected)
    return share_of(expected + process.predict(place), total)


def _scaled(outlook: AdditiveSurrogate, blocks: np.ndarray, classes: np.ndarray) -> AdditiveSurrogate:
    """Losses times a factor for each block (9,), and those of classes times one for each (10,)."""
    factors = np.concatenate([[1.0], classes])[:, None, None] * np.maximum(blocks, SMALLEST_FACTOR)[None, :, None]
    return replace(outlook, losses=outlook.losses * factors)


def _class_factors(outlook: AdditiveSurrogate, counts: np.ndarray, seen: Sequence[ClassCounts]) -> np.ndarray:
    """How much more or less each class loses than the outlook says (10,), as sure as the images allow."""
    factors = np.ones(N_CLASSES)
    told = outlook.recalls(counts)
    for label in range(N_CLASSES):
        images, dense = outlook.dense.images[label], outlook.dense.recalls[label]
        if images:
            believes = np.array([_lost(share, dense, images) for share in told[:, label]])
            lost = np.array([_lost(each.recalls[label], dense, images) for each in seen])
            sure = 1 / (CLASS_NOISE**2 + (ROUGH * believes) ** 2)
            factors[label] = ((sure * believes) @ lost + 1 / SPREAD**2) / ((sure * believes) @ believes + 1 / SPREAD**2)
    return np.maximum(factors, SMALLEST_FACTOR)


def _lost(share: float, dense: float, images: int) -> float:
    return log_odds(dense, images) - log_odds(share, images)
