"""Wilson score interval of a proportion."""

import math

# Two-sided 95 %.
Z = 1.959964


def wilson(right: int, images: int) -> tuple[float, float]:
    """Ends (0..1) of the 95 % interval of the share `right` / `images`, for `images` > 0 (Wilson 1927)."""
    share, square = right / images, Z**2 / images
    centre = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * math.sqrt(share * (1 - share) / images + square / (4 * images))
    # With none or all correct one end is the share itself; rounding must not pass it.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
