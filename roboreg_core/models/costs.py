"""Parameters, multiply-accumulates (MACs) and size of a schedule's network in closed form. Without torch.

A block with `i` inputs, `k` filters, `o` outputs and output size h x w has `9ik + 2k + 9ko + 2o` parameters and `(9ik +
9ko) * h * w` MACs. An option-B shortcut adds `io + 2o` parameters and `io * h * w` MACs. MACs count convolutions and
the linear layer; FLOPs are twice the MACs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from roboreg_core.architecture import PROJECTION, Architecture
from roboreg_core.schedules.schedule import Schedule, dense_schedule

BYTES_PER_FLOAT = 4


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """Costs of a convolution with its batch norm, or of the linear layer; `macs` per image."""

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


def relative_work(architecture: Architecture) -> float:
    """MACs of the dense network divided by those of the default architecture, to scale durations measured with that."""
    return cost(dense_schedule(architecture)).macs / cost(dense_schedule()).macs


def block_parameters(schedule: Schedule) -> tuple[int, ...]:
    """Number of parameters of each block, batch norms and an option-B shortcut included, (n_blocks,)."""
    return tuple(sum(layer.parameters for layer in layers) for layers in _blocks(schedule))


def block_macs(schedule: Schedule) -> tuple[int, ...]:
    """Multiply-accumulates of each block per image, (n_blocks,)."""
    return tuple(sum(layer.macs for layer in layers) for layers in _blocks(schedule))


def _layers(schedule: Schedule) -> list[LayerCost]:
    architecture = schedule.architecture
    inputs, outputs = architecture.stage_widths[-1], architecture.n_classes
    stem = _conv("stem", 3, architecture.base_width, architecture.image_size)
    weights = inputs * outputs
    linear = LayerCost(name="linear", inputs=inputs, outputs=outputs, parameters=weights + outputs, macs=weights)
    return [stem, *(layer for layers in _blocks(schedule) for layer in layers), linear]


def _blocks(schedule: Schedule) -> Iterator[list[LayerCost]]:
    """Layers of each block."""
    architecture = schedule.architecture
    inputs = architecture.base_width
    for block, width in enumerate(schedule, start=1):
        stage = architecture.stage_of(block) - 1
        size, outputs = architecture.stage_sizes[stage], architecture.stage_widths[stage]
        layers = [
            _conv(f"block {block} conv1", inputs, width, size),
            _conv(f"block {block} conv2", width, outputs, size),
        ]
        if architecture.shortcut == PROJECTION and inputs != outputs:
            layers.append(_conv(f"block {block} shortcut", inputs, outputs, size, taps=1))
        yield layers
        inputs = outputs


def _conv(name: str, inputs: int, outputs: int, size: int, taps: int = 9) -> LayerCost:
    weights = taps * inputs * outputs
    return LayerCost(
        name=name, inputs=inputs, outputs=outputs, parameters=weights + 2 * outputs, macs=weights * size * size
    )
