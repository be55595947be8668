"""Shared errors: images that several networks lose."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class SharedErrors:
    """Shared errors of pairs of networks, arrays (n_networks, n_networks).

    An image is lost by a network if its dense network classifies it correctly and the network itself does not.

    Attributes:
        counts: number of images that both lose; on the diagonal, that one loses.
        jaccard: Jaccard index of the lost images, 0..1; 0 if neither loses any.
        by_chance: expected count if both lost images independently.
    """

    counts: np.ndarray
    jaccard: np.ndarray
    by_chance: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """JSON object: `counts`, `jaccard` and `by_chance` as nested lists."""
        return {name: value.tolist() for name, value in vars(self).items()}


def overlap(lost: np.ndarray, could_be_lost: int) -> SharedErrors:
    """Count the images that pairs of networks both lose.

    Args:
        lost: bool (n_networks, n_images), True if the network loses the image.
        could_be_lost: number of images that can be lost, from which `by_chance` is computed.
    """
    sets = lost.astype(np.float64)
    counts = (sets @ sets.T).astype(np.int64)
    each = counts.diagonal()
    either = each[:, None] + each - counts
    return SharedErrors(
        counts=counts,
        jaccard=np.where(either > 0, counts / np.maximum(either, 1), 0.0),
        by_chance=np.outer(each, each) / max(could_be_lost, 1),
    )
