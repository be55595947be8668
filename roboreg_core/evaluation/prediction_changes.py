"""Every image followed through a run's stages: which were kept, lost, recovered, gained. The bands part the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from roboreg_core.errors import DataError
from roboreg_core.evaluation.paired_tests import CLASSES

# Band -> what it holds. The order is that of charts and tables.
BANDS = {
    "kept": "right at every stage",
    "recovered": "right when dense, wrong when pruned, right again when tuned",
    "lost": "right when dense, wrong when pruned and when tuned",
    "broken": "right when dense and when pruned, wrong when tuned",
    "gained": "wrong when dense, right in the end",
    "passing": "wrong when dense, right when pruned, wrong again when tuned",
    "never": "wrong at every stage",
}
# The same where there are two stages only: a baseline and another network.
BANDS_OF_TWO = {
    "kept": "right before and after",
    "lost": "right before, wrong after",
    "gained": "wrong before, right after",
    "never": "wrong before and after",
}
# Right or wrong at the first stage, the second, the third.
_OF_THREE = {
    (True, True, True): "kept",
    (True, False, True): "recovered",
    (True, False, False): "lost",
    (True, True, False): "broken",
    (False, True, True): "gained",
    (False, False, True): "gained",
    (False, True, False): "passing",
    (False, False, False): "never",
}
_OF_TWO = {(True, True): "kept", (True, False): "lost", (False, True): "gained", (False, False): "never"}


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictionChanges:
    """Which band each image is in.

    Attributes:
        bands: the names that can occur, in the order of `BANDS`.
        band: int (n,), each image's place in `bands`.
        labels: int (n,), true classes.
    """

    bands: tuple[str, ...]
    band: np.ndarray
    labels: np.ndarray

    @property
    def meanings(self) -> dict[str, str]:
        """What each band that can occur holds."""
        return {name: (BANDS if len(self.bands) == len(BANDS) else BANDS_OF_TWO)[name] for name in self.bands}

    @property
    def counts(self) -> np.ndarray:
        """Images by band and class, (n_bands, 10)."""
        cells = np.bincount(self.band * CLASSES + self.labels, minlength=len(self.bands) * CLASSES)
        return cells.reshape(len(self.bands), CLASSES)

    def count(self, band: str) -> int:
        """How many images are in a band; 0 for one that cannot occur."""
        return int((self.band == self.bands.index(band)).sum()) if band in self.bands else 0

    def images(self, band: str, label: int | None = None) -> np.ndarray:
        """Places of a band's images among the test images, ascending; of one class where `label` is given.

        Raises `DataError` on an unknown band.
        """
        if band not in BANDS:
            raise DataError(f"a band must be one of {', '.join(BANDS)}, got {band!r}")
        if band not in self.bands:
            return np.empty(0, dtype=np.int64)
        chosen = self.band == self.bands.index(band)
        return np.flatnonzero(chosen if label is None else chosen & (self.labels == label))

    def to_json(self) -> dict[str, Any]:
        """Counts by band, overall and by class, with the meaning of each band."""
        return {
            name: {"meaning": meaning, "images": int(row.sum()), "per_class": row.tolist()}
            for (name, meaning), row in zip(self.meanings.items(), self.counts, strict=True)
        }


def follow(labels: np.ndarray, stages: Sequence[np.ndarray]) -> PredictionChanges:
    """Follow images with `labels` (n,) through the classes (n,) that two or three stages predicted, in order.

    Raises `DataError` on another number of stages, or where lengths differ.
    """
    if len(stages) not in (2, 3) or any(len(each) != len(labels) for each in stages):
        raise DataError(
            f"images are followed through two or three stages with one prediction an image, got {len(stages)} stages "
            f"of {[len(each) for each in stages]} predictions for {len(labels)} images"
        )
    patterns: dict[Any, str] = dict(_OF_THREE) if len(stages) == 3 else dict(_OF_TWO)
    bands = tuple(name for name in BANDS if name in patterns.values())
    code = np.zeros(len(labels), dtype=np.int64)
    for predicted in stages:
        code = 2 * code + (predicted == labels)
    places = np.zeros(2 ** len(stages), dtype=np.int64)
    for pattern, name in patterns.items():
        places[sum(2**i for i, right in enumerate(reversed(pattern)) if right)] = bands.index(name)
    return PredictionChanges(bands=bands, band=places[code], labels=np.asarray(labels))
