"""Architectures: the CIFAR-style residual networks of He et al. 2015, section 4.2. Without torch.

A network of depth `6n + 2` has a stem, three stages of `n` residual blocks with `w`, `2w` and `4w` channels, average
pooling and a linear layer. The first block of stages 2 and 3 halves height and width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from roboreg_core.errors import ArchitectureError

N_STAGES = 3
DEPTHS, BASE_WIDTHS, CLASS_COUNTS, IMAGE_SIZES = (8, 302), (4, 64), (2, 1_000), (16, 96)
IMAGE_SIZE_STEP = 4
# Depths to choose from on the pages; those of He et al. 2015.
USUAL_DEPTHS = (20, 32, 44, 56, 110)
# Shortcuts across stages: every second pixel with zero channels on both sides, or all of them at the end; or a 1x1
# convolution with batch norm.
ZEROS, ZEROS_AT_END, PROJECTION = "A", "A-end", "B"
SHORTCUTS = (ZEROS, ZEROS_AT_END, PROJECTION)
_SPELLING = re.compile(r"resnet-?(\d{1,4})(?:-w(\d{1,4}))?(?:-(a|a-end|b))?", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Architecture:
    """Shape of a dense network. The default is ResNet-20 for CIFAR-10.

    Attributes:
        depth: number of weighted layers on the longest path, `6n + 2` with `n` blocks per stage.
        base_width: number of channels of the stem and of the first stage.
        shortcut: of blocks whose output has another shape than their input: `A` (every second pixel, zero channels on
            both sides), `A-end` (zero channels after the others) or `B` (1x1 convolution with batch norm).
        n_classes: number of classes.
        image_size: height and width of the images in pixels, a multiple of 4.

    Raises `ArchitectureError`: a value is outside `DEPTHS`, `BASE_WIDTHS`, `SHORTCUTS`, `CLASS_COUNTS` or
    `IMAGE_SIZES`.
    """

    depth: int = 20
    base_width: int = 16
    shortcut: str = ZEROS
    n_classes: int = 10
    image_size: int = 32

    def __post_init__(self) -> None:
        _check("depth", self.depth, DEPTHS, 6, 2)
        _check("base width", self.base_width, BASE_WIDTHS)
        if self.shortcut not in SHORTCUTS:
            raise ArchitectureError(f"shortcut must be one of {', '.join(SHORTCUTS)}, got {self.shortcut!r}")
        _check("number of classes", self.n_classes, CLASS_COUNTS)
        _check("image size", self.image_size, IMAGE_SIZES, IMAGE_SIZE_STEP)

    @classmethod
    def parse(cls, text: str, **settings: Any) -> Architecture:
        """Parse a name such as `resnet20`, `resnet56-B` or `resnet20-w32` (base width 32), in upper or lower case.

        `settings` are values of the fields that are not in the name, `n_classes` and `image_size`.

        Raises `ArchitectureError`: the text is no such name, or a value is not supported.
        """
        match = _SPELLING.fullmatch(text.strip())
        if match is None:
            raise ArchitectureError(
                f"an architecture must be resnet and a depth 6n + 2, as in resnet20, resnet56 or resnet56-B, got "
                f"{text[:60]!r}"
            )
        depth, width, shortcut = match.groups()
        found = cls(depth=int(depth), **settings)
        if width is not None:
            found = replace(found, base_width=int(width))
        named = {each.lower(): each for each in SHORTCUTS}
        return found if shortcut is None else replace(found, shortcut=named[shortcut.lower()])

    @classmethod
    def from_json(cls, value: Any) -> Architecture:
        """Architecture from an object that `to_json` returned; None gives the default, ResNet-20.

        Raises `ArchitectureError`: the value is no such object, or a field is not supported.
        """
        if value is None:
            return RESNET20
        names = [field.name for field in fields(cls)]
        if not isinstance(value, Mapping):
            raise ArchitectureError(f"an architecture must be a JSON object, got {value!r:.60}")
        unknown = [name for name in value if name not in names]
        if unknown:
            raise ArchitectureError(f"an architecture must have only {', '.join(names)}, got {unknown[0]!r:.60}")
        return cls(**value)

    def to_json(self) -> dict[str, Any]:
        """JSON object with the attributes that differ from the default, {} for the default."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }

    @property
    def option(self) -> str:
        """Option for a command line, with a leading space: ` --architecture resnet56`; empty for `resnet20`."""
        return "" if self.name == RESNET20.name else f" --architecture {self.name}"

    def stored(self) -> dict[str, Any]:
        """Dict to merge into a record, file header or model card: `{"architecture": to_json()}`; {} for the default."""
        return {"architecture": self.to_json()} if self.to_json() else {}

    @property
    def blocks_per_stage(self) -> int:
        """Number of residual blocks in each stage."""
        return (self.depth - 2) // (2 * N_STAGES)

    @property
    def n_blocks(self) -> int:
        """Number of residual blocks."""
        return N_STAGES * self.blocks_per_stage

    @property
    def is_deep(self) -> bool:
        """True if a stage has more blocks than in ResNet-20: pages then group the blocks of a stage."""
        return self.blocks_per_stage > RESNET20.blocks_per_stage

    @property
    def stage_widths(self) -> tuple[int, ...]:
        """Number of channels of each stage: once, twice and four times the base width."""
        return tuple(self.base_width << stage for stage in range(N_STAGES))

    @property
    def stage_sizes(self) -> tuple[int, ...]:
        """Height and width of each stage's outputs in pixels."""
        return tuple(self.image_size >> stage for stage in range(N_STAGES))

    @cached_property
    def bounds(self) -> tuple[int, ...]:
        """Number of filters in `conv1` of each dense block: the largest counts of a schedule."""
        return tuple(width for width in self.stage_widths for _ in range(self.blocks_per_stage))

    @property
    def blocks(self) -> range:
        """Numbers of the blocks, from 1."""
        return range(1, self.n_blocks + 1)

    @property
    def stages(self) -> range:
        """Numbers of the stages, from 1."""
        return range(1, N_STAGES + 1)

    def stage_of(self, block: int) -> int:
        """Stage (from 1) of a block (from 1)."""
        return (block - 1) // self.blocks_per_stage + 1

    def blocks_of(self, stage: int) -> range:
        """Blocks (from 1) of a stage (from 1)."""
        return range((stage - 1) * self.blocks_per_stage + 1, stage * self.blocks_per_stage + 1)

    @property
    def name(self) -> str:
        """Name that `parse` reads: `resnet20`, `resnet56-B`; without number of classes and image size."""
        width = "" if self.base_width == RESNET20.base_width else f"-w{self.base_width}"
        shortcut = "" if self.shortcut == RESNET20.shortcut else f"-{self.shortcut}"
        return f"resnet{self.depth}{width}{shortcut}"

    @property
    def label(self) -> str:
        """Text for people: depth and all other values that differ from the default: `ResNet-56, 100 classes`."""
        words = {
            "base_width": f"base width {self.base_width}",
            "shortcut": f"option {self.shortcut}",
            "n_classes": f"{self.n_classes} classes",
            "image_size": f"{self.image_size} × {self.image_size} pixels",
        }
        return ", ".join([f"ResNet-{self.depth}", *(text for name, text in words.items() if name in self.to_json())])


def _check(what: str, value: Any, bounds: tuple[int, int], step: int = 1, rest: int = 0) -> None:
    low, high = bounds
    rule = {1: "an integer", 4: "a multiple of 4,", 6: "6n + 2,"}[step]
    if type(value) is not int or not low <= value <= high or value % step != rest:
        near = ""
        if type(value) is int and low <= value <= high:
            below = value - (value - rest) % step
            near = f": choose {max(below, low)} or {below + step}"
        raise ArchitectureError(f"{what} must be {rule} {low}..{high}, got {value!r:.60}{near}")


RESNET20 = Architecture()
