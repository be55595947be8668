"""Changed predictions of a run: test images grouped by the stages (dense, pruned, fine-tuned) that are correct.

The groups are called bands: kept, recovered, lost, broken, gained and so on; every image is in exactly one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from roboreg_core.errors import DataError

# Descriptions of the bands, in the order of charts and tables.
BANDS = {
    "kept": "correct in all three networks",
    "recovered": "correct in the dense network, wrong when pruned, correct again when fine-tuned",
    "lost": "correct in the dense network, wrong when pruned and when fine-tuned",
    "broken": "correct in the dense network and when pruned, wrong when fine-tuned",
    "gained": "wrong in the dense network, correct when fine-tuned",
    "passing": "wrong in the dense network, correct when pruned, wrong when fine-tuned",
    "never": "wrong in all three networks",
}
# Descriptions for two networks only, e.g. without fine-tuning.
BANDS_OF_TWO = {
    "kept": "correct before and after",
    "lost": "correct before, wrong after",
    "gained": "wrong before, correct after",
    "never": "wrong before and after",
}
# Correct at the first, second and third stage.
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
    """Test images grouped into bands by which of two or three networks classify them correctly.

    Attributes:
        bands: names of the bands, those of `BANDS` for three networks or of `BANDS_OF_TWO` for two.
        band: index into `bands` per image, int (n,).
        labels: true classes, int (n,).
        n_classes: number of classes of the data set.
    """

    bands: tuple[str, ...]
    band: np.ndarray
    labels: np.ndarray
    n_classes: int

    @property
    def meanings(self) -> dict[str, str]:
        """Description of each band by its name."""
        return {name: (BANDS if len(self.bands) == len(BANDS) else BANDS_OF_TWO)[name] for name in self.bands}

    @property
    def counts(self) -> np.ndarray:
        """Number of images per band (rows, as `bands`) and true class (columns)."""
        cells = np.bincount(self.band * self.n_classes + self.labels, minlength=len(self.bands) * self.n_classes)
        return cells.reshape(len(self.bands), self.n_classes)

    def count(self, band: str) -> int:
        """Number of images in the band of this name, e.g. `lost`; 0 for a name that is not in `bands`."""
        return int((self.band == self.bands.index(band)).sum()) if band in self.bands else 0

    def images(self, band: str, label: int | None = None) -> np.ndarray:
        """Indices of the images in a band, ascending; with `label`, only those of this true class.

        Empty for a band of `BANDS` that is not in `bands`. Raises `DataError`: unknown band.
        """
        if band not in BANDS:
            raise DataError(f"a band must be one of {', '.join(BANDS)}, got {band!r}")
        if band not in self.bands:
            return np.empty(0, dtype=np.int64)
        chosen = self.band == self.bands.index(band)
        return np.flatnonzero(chosen if label is None else chosen & (self.labels == label))

    def to_json(self) -> dict[str, Any]:
        """JSON object: band -> its description `meaning`, number of `images`, and their numbers `per_class`."""
        return {
            name: {"meaning": meaning, "images": int(row.sum()), "per_class": row.tolist()}
            for (name, meaning), row in zip(self.meanings.items(), self.counts, strict=True)
        }


def prediction_changes(labels: np.ndarray, stages: Sequence[np.ndarray], n_classes: int) -> PredictionChanges:
    """Group images into bands by which of two or three networks classify them correctly.

    Args:
        labels: true classes, int (n,).
        stages: predicted classes, int (n,) each, of baseline and run, or of dense, pruned and fine-tuned network.
        n_classes: number of classes of the data set.

    Raises `DataError`: there are not two or three stages, or lengths differ.
    """
    if len(stages) not in (2, 3) or any(len(each) != len(labels) for each in stages):
        raise DataError(
            f"changed predictions need two or three stages with one prediction per image, got {len(stages)} stages of "
            f"{[len(each) for each in stages]} predictions for {len(labels)} images"
        )
    patterns: dict[Any, str] = {**_OF_THREE} if len(stages) == 3 else {**_OF_TWO}
    bands = tuple(name for name in BANDS if name in patterns.values())
    code = np.zeros(len(labels), dtype=np.int64)
    for predicted in stages:
        code = 2 * code + (predicted == labels)
    # Codes count patterns in lexicographic order, False before True.
    band_of_code = np.array([bands.index(patterns[pattern]) for pattern in sorted(patterns)], dtype=np.int64)
    return PredictionChanges(bands=bands, band=band_of_code[code], labels=np.asarray(labels), n_classes=n_classes)
