"""Parameters, multiply-accumulates (MACs) and size of a schedule's network in closed form. Without torch.

A block with `i` inputs, `k` filters, `o` outputs and output size h x w has `9ik + 2k + 9ko + 2o` parameters and
`(9ik + 9ko) * h * w` MACs. MACs count convolutions and the linear layer; FLOPs are twice the MACs.
"""

from dataclasses import dataclass

from roboreg_core.datasets.cifar10 import IMAGE_SIZE, N_CLASSES
from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE, PRESETS, STAGE_WIDTHS, Schedule

BYTES_PER_FLOAT = 4


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """Costs of a convolution with its batch norm, or of the linear layer."""

    name: str
    inputs: int
    outputs: int
    parameters: int
    macs: int


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Costs of a network.

    Attributes:
        parameters: trainable parameters.
        macs: multiply-accumulates per image.
        size_bytes: float32 tensors of a weights file, batch norm's running statistics included, without its header.
        layers: per layer.
    """

    parameters: int
    macs: int
    size_bytes: int
    layers: tuple[LayerCost, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations per image, two per MAC."""
        return 2 * self.macs


def cost(schedule: Schedule) -> Cost:
    """Costs of a schedule's network, without building it."""
    layers = tuple(_layers(schedule))
    channels = sum(layer.outputs for layer in layers if layer.name != "linear")
    parameters = sum(layer.parameters for layer in layers)
    return Cost(
        parameters=parameters,
        macs=sum(layer.macs for layer in layers),
        # Batch norm also saves running mean and variance.
        size_bytes=BYTES_PER_FLOAT * (parameters + 2 * channels),
        layers=layers,
    )


def block_parameters(schedule: Schedule) -> tuple[int, ...]:
    """Parameters of both convolutions and batch norms of each block, (9,)."""
    return _per_block(schedule, "parameters")


def block_macs(schedule: Schedule) -> tuple[int, ...]:
    """Multiply-accumulates of each block per image, (9,)."""
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
