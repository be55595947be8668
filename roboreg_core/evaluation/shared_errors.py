"""Which images several networks lose alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedErrors:
    """How far networks lose the same images; all arrays (n_networks, n_networks).

    Attributes:
        counts: images lost by both; the diagonal tells how many each loses.
        jaccard: images lost by both as a share of those lost by either, 0..1; 0 where neither loses any.
        by_chance: images that both would lose if they lost as many, independently, of all that could be lost.
    """

    counts: np.ndarray
    jaccard: np.ndarray
    by_chance: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """The arrays as nested lists."""
        return {name: value.tolist() for name, value in vars(self).items()}


def overlap(lost: np.ndarray, could_be_lost: int) -> SharedErrors:
    """Compare sets of lost images, bool (n_networks, n_images), out of so many that could be lost."""
    sets = lost.astype(np.float64)
    counts = (sets @ sets.T).astype(np.int64)
    each = counts.diagonal()
    either = each[:, None] + each - counts
    return SharedErrors(
        counts=counts,
        jaccard=np.where(either > 0, counts / np.maximum(either, 1), 0.0),
        by_chance=np.outer(each, each) / max(could_be_lost, 1),
    )
