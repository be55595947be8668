"""Random architectures and schedules of them, and images for each."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from roboreg_core.architecture import DEPTHS, SHORTCUTS, Architecture
from roboreg_core.datasets.images import Images
from roboreg_core.schedules.schedule import Schedule


def architectures(
    max_depth: int = DEPTHS[1], max_width: int = 32, max_classes: int = 100, max_size: int = 96
) -> st.SearchStrategy[Architecture]:
    """Architectures up to these sizes."""
    return st.builds(
        Architecture,
        depth=st.integers(1, (max_depth - 2) // 6).map(lambda n: 6 * n + 2),
        base_width=st.integers(4, max_width),
        shortcut=st.sampled_from(SHORTCUTS),
        n_classes=st.integers(2, max_classes),
        image_size=st.integers(4, max_size // 4).map(lambda quarter: 4 * quarter),
    )


@st.composite
def schedules_of(draw: st.DrawFn, any_architecture: st.SearchStrategy[Architecture]) -> Schedule:
    """Schedules of architectures."""
    architecture = draw(any_architecture)
    counts = draw(st.tuples(*(st.integers(1, bound) for bound in architecture.bounds)))
    return Schedule(counts, architecture)


def images_for(architecture: Architecture, n: int, seed: int = 0) -> Images:
    """`n` random images of the architecture's size and classes."""
    generator = torch.Generator().manual_seed(seed)
    size = architecture.image_size
    pixels = torch.randint(0, 256, (n, 3, size, size), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, architecture.n_classes, (n,), generator=generator)
    return Images(
        name=f"{n} random images",
        pixels=pixels.contiguous(memory_format=torch.channels_last),
        labels=labels,
        indices=torch.arange(n),
        classes=tuple(f"class {index}" for index in range(architecture.n_classes)),
    )
