"""Thinning of scatters that have more marks than a browser draws smoothly."""

import numpy as np
from numpy.typing import ArrayLike

MOST_DRAWN = 1_000
_FINEST, _COARSEST, _STEP = 200, 10, 5


def thinned(x: ArrayLike, y: ArrayLike, keep: ArrayLike, most: int = MOST_DRAWN) -> tuple[np.ndarray, int]:
    """Choose the points of a scatter to draw.

    Args:
        x: horizontal coordinates (n,).
        y: vertical coordinates (n,).
        keep: mask (n,) of the points that are always drawn.
        most: number of points up to which all are drawn.

    Returns:
        Mask (n,) of the points to draw, and the number of cells per side of the grid that thins them, 0 if all are
        drawn. Drawn are those of `keep` and the first point in each cell of a square grid over all points, the finest
        with at most `most` occupied cells.
    """
    keep = np.asarray(keep, dtype=bool)
    if len(keep) <= most:
        return np.ones(len(keep), dtype=bool), 0
    for side in range(_FINEST, _COARSEST - 1, -_STEP):
        cells = _cells(np.asarray(x, dtype=float), side) * side + _cells(np.asarray(y, dtype=float), side)
        first = np.unique(cells, return_index=True)[1]
        if len(first) <= most or side == _COARSEST:
            break
    drawn = keep.copy()
    drawn[first] = True
    return drawn, side


def _cells(values: np.ndarray, side: int) -> np.ndarray:
    """Place 0..side-1 of each value between the smallest and the largest."""
    low, extent = values.min(), np.ptp(values) or 1.0
    return np.minimum((values - low) / extent * side, side - 1).astype(int)
