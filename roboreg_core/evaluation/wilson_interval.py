"""How far a share that was measured on some images may lie from the true one."""

from __future__ import annotations

import math

# Two-sided 95 %.
Z = 1.959964


def wilson(right: int, images: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0..1, of which `right` of `images` (at least 1) were seen (Wilson 1927)."""
    share, square = right / images, Z**2 / images
    centre = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * math.sqrt(share * (1 - share) / images + square / (4 * images))
    # Where none or all were right one end is the share itself, whatever rounding says.
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
