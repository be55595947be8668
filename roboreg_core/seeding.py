"""Independent random generators derived from one seed, instead of global generators."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch


def derive(seed: int, *parts: str | int) -> int:
    """63-bit seed for one purpose, e.g. `derive(0, "epoch", 3)`; different parts give independent streams."""
    text = "/".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def torch_generator(seed: int, *parts: str | int, device: str | torch.device = "cpu") -> torch.Generator:
    """Torch generator on `device`, seeded by `derive`."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(seed, *parts))


def numpy_generator(seed: int, *parts: str | int) -> np.random.Generator:
    """Numpy generator seeded by `derive(seed, *parts)`; other `parts` give an independent stream."""
    import numpy as np

    return np.random.default_rng(derive(seed, *parts))
