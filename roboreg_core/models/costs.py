"""What a schedule costs, in closed form: parameters and multiply-accumulates (MACs) at 32x32. No torch needed.

A block with `i` inputs, `o` outputs and `k` clusters has `9ik + 2k + 9ko + 2o` parameters and `(9ik + 9ko) * h * w`
MACs, h x w being its output size. MACs count convolutions and the linear layer; FLOPs are twice the MACs.
"""

from __future__ import annotations

from dataclasses import dataclass

from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE, PRESETS, STAGE_WIDTHS, Schedule

IMAGE_SIZE = 32
N_CLASSES = 10
BYTES_PER_FLOAT = 4


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """One row of the table: a convolution with its batch norm, or the linear layer."""

    name: str
    inputs: int
    outputs: int
    parameters: int
    macs: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Counts for a whole network.

    Attributes:
        parameters: trainable numbers, batch norm's scale and shift included.
        macs: multiply-accumulates for one 32x32 image.
        size_bytes: the float32 tensors of a weights file (batch norm's running statistics included), without header.
        layers: the same parameters and MACs, a row a layer.
    """

    parameters: int
    macs: int
    size_bytes: int
    layers: tuple[LayerCost, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations for one image: two a multiply-accumulate."""
        return 2 * self.macs


def cost(schedule: Schedule) -> Cost:
    """Count a schedule's network without building it."""
    layers = tuple(_layers(schedule))
    channels = sum(layer.outputs for layer in layers if layer.name != "linear")
    parameters = sum(layer.parameters for layer in layers)
    return Cost(
        parameters=parameters,
        macs=sum(layer.macs for layer in layers),
        # Running mean and variance are saved beside the parameters.
        size_bytes=BYTES_PER_FLOAT * (parameters + 2 * channels),
        layers=layers,
    )


def block_parameters(schedule: Schedule) -> tuple[int, ...]:
    """Parameters of each of the nine blocks."""
    return _per_block(schedule, "parameters")


def block_macs(schedule: Schedule) -> tuple[int, ...]:
    """MACs of each of the nine blocks."""
    return _per_block(schedule, "macs")


def _per_block(schedule: Schedule, field: str) -> tuple[int, ...]:
    values = [getattr(layer, field) for layer in _layers(schedule)[1:-1]]
    return tuple(first + second for first, second in zip(values[::2], values[1::2], strict=True))


def _layers(schedule: Schedule) -> list[LayerCost]:
    size, inputs = IMAGE_SIZE, STAGE_WIDTHS[0]
    layers = [_conv("stem", 3, inputs, size)]
    for block, width in enumerate(schedule):
        stage, position = divmod(block, BLOCKS_PER_STAGE)
        outputs = STAGE_WIDTHS[stage]
        if stage > 0 and position == 0:
            size //= 2
        layers.append(_conv(f"block {block + 1} conv1", inputs, width, size))
        layers.append(_conv(f"block {block + 1} conv2", width, outputs, size))
        inputs = outputs
    linear = inputs * N_CLASSES
    layers.append(
        LayerCost(name="linear", inputs=inputs, outputs=N_CLASSES, parameters=linear + N_CLASSES, macs=linear)
    )
    return layers


def _conv(name: str, inputs: int, outputs: int, size: int) -> LayerCost:
    weights = 9 * inputs * outputs
    return LayerCost(
        name=name, inputs=inputs, outputs=outputs, parameters=weights + 2 * outputs, macs=weights * size * size
    )


DENSE_COST = cost(PRESETS["dense"])
