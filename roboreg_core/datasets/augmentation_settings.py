"""Settings of random changes of training images. Without torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Ranges of random changes; zero (for `scale`, 1 to 1) turns a change off.

    Attributes:
        pad: pixels added on each side before a random crop to the original size.
        reflect: pad by reflection instead of black; ignored with rotation, shear or scale, which pad with black.
        flip: mirror horizontally with probability 0.5.
        rotation, shear: largest angle in degrees, uniform in both directions.
        scale: smallest and largest factor.
        brightness, contrast, saturation: factors uniform in 1 - value to 1 + value, applied in random order.
    """

    pad: int = 4
    reflect: bool = True
    flip: bool = True
    rotation: float = 0.0
    shear: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0

    @property
    def is_affine(self) -> bool:
        """True if images are rotated, sheared or scaled, not only cropped and flipped."""
        return bool(self.rotation or self.shear) or tuple(self.scale) != (1.0, 1.0)


CROP_FLIP = Augmentation()
SIX = Augmentation(reflect=False, rotation=10, shear=10, scale=(0.8, 1.2), brightness=0.2, contrast=0.2, saturation=0.2)
NONE = Augmentation(pad=0, flip=False)
