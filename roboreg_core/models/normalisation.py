"""Normalisations of network inputs. Without torch."""

import math
from dataclasses import dataclass

from roboreg_core.errors import CheckpointError, SpecError


@dataclass(frozen=True, kw_only=True)
class Normalisation:
    """Mean and standard deviation per channel (RGB) that inputs are normalised with, for pixels scaled to 0..1.

    Raises `CheckpointError`: one of them is not three finite numbers, or a deviation is not positive.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        for name, least, values in (("mean", -math.inf, self.mean), ("std", 0.0, self.std)):
            good = [type(each) in (int, float) and math.isfinite(each) and each > least for each in values]
            if good != [True] * 3:
                above = " above 0" if name == "std" else ""
                raise CheckpointError(
                    f"a normalisation's {name} must be three finite numbers{above}, got {list(values)!r:.60}; "
                    "save the network with the normalisation of its training"
                )

    @property
    def reversed(self) -> "Normalisation":
        """The normalisation with its channels in reverse order, for networks trained on BGR images."""
        return Normalisation(mean=self.mean[::-1], std=self.std[::-1])


IMAGENET = Normalisation()
_CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
# Choice of the normalisation by validation images.
AUTO = "auto"
# Normalisations of public code; pixels in 0..1 are called unit, those in 0..255 pixels. CIFAR-10's deviation is that of
# all pixels, or the mean of those of single images, which much code uses in its place.
NORMALISATIONS = {
    "imagenet": IMAGENET,
    "cifar10": Normalisation(mean=_CIFAR10_MEAN, std=(0.2470, 0.2435, 0.2616)),
    "cifar10-single": Normalisation(mean=_CIFAR10_MEAN, std=(0.2023, 0.1994, 0.2010)),
    "cifar100": Normalisation(mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762)),
    "half": Normalisation(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    "unit": Normalisation(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
    "pixels": Normalisation(mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255)),
}
CHOICES = (AUTO, *NORMALISATIONS)


def check_normalisation(name: str) -> str:
    """Return `name` unchanged. Raises `SpecError`: it is neither `AUTO` nor a key of `NORMALISATIONS`."""
    if name not in CHOICES:
        raise SpecError(f"normalisation must be one of {', '.join(CHOICES)}, got {name!r:.60}")
    return name
