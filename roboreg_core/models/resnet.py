"""Residual networks for small images (He et al. 2015, section 4.2) of any architecture and schedule.

The schedule gives the width between the two convolutions of each block; inputs and outputs of blocks are fixed.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from roboreg_core.architecture import PROJECTION, ZEROS, Architecture
from roboreg_core.models.normalisation import IMAGENET, Normalisation
from roboreg_core.schedules.schedule import Schedule, dense_schedule

_DEFAULT = dense_schedule()


class LambdaLayer(nn.Module):
    """Option-A shortcut without parameters: takes every second pixel and adds channels of zeros."""

    def __init__(self, before: int, after: int) -> None:
        """Pad with `before` and `after` zero channels on the two sides of the input's channels."""
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        """Shortcut of `x`: (n, c, h, w) -> (n, before + c + after, h / 2, w / 2)."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


def _shortcut(option: str, inputs: int, outputs: int) -> nn.Module:
    """Shortcut of a block that halves height and width."""
    if option == PROJECTION:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), nn.BatchNorm2d(outputs))
    before = (outputs - inputs) // 2 if option == ZEROS else 0
    return LambdaLayer(before, outputs - inputs - before)


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions with batch norm; the first has `width` filters.

    `inputs` and `outputs` are the block's numbers of channels. `option`, one of `architecture.SHORTCUTS`, is the
    kind of shortcut where output and input differ in shape.
    """

    def __init__(self, inputs: int, width: int, outputs: int, stride: int, option: str = ZEROS) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        same_shape = stride == 1 and inputs == outputs
        self.shortcut: nn.Module = nn.Identity() if same_shape else _shortcut(option, inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Output of the block: (n, inputs, h, w) -> (n, outputs, h / stride, w / stride)."""
        # In place, since training is limited by memory bandwidth.
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.add_shortcut(self.bn2(self.conv2(out)), x), inplace=True)

    def add_shortcut(self, out: Tensor, x: Tensor) -> Tensor:
        """Add the shortcut of `x` to `out` (n, outputs, h / stride, w / stride) in place."""
        if torch.is_grad_enabled() or not isinstance(self.shortcut, LambdaLayer):
            out += self.shortcut(x)
        else:
            # Faster than padding; with autograd the slice would be copied.
            out[:, self.shortcut.before : self.shortcut.before + x.shape[1]] += x[:, :, ::2, ::2]
        return out


class ResNet(nn.Module):
    """Stem, three stages of `BasicBlock`s, average pooling and a linear layer.

    Attributes:
        schedule: widths of the blocks, and the architecture.
        normalisation: applied by `prepare`.
    """

    def __init__(self, schedule: Schedule = _DEFAULT, normalisation: Normalisation = IMAGENET) -> None:
        super().__init__()
        self.schedule = schedule
        self.normalisation = normalisation
        architecture = schedule.architecture
        self.conv1 = nn.Conv2d(3, architecture.base_width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(architecture.base_width)
        widths = iter(schedule)
        inputs = architecture.base_width
        stages = []
        for stage, outputs in enumerate(architecture.stage_widths):
            blocks = []
            for block in range(architecture.blocks_per_stage):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(BasicBlock(inputs, next(widths), outputs, stride, architecture.shortcut))
                inputs = outputs
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3 = stages
        self.linear = nn.Linear(inputs, architecture.n_classes)

    @property
    def architecture(self) -> Architecture:
        """Architecture of the dense network, of which this one keeps some filters."""
        return self.schedule.architecture

    @property
    def blocks(self) -> list[BasicBlock]:
        """The residual blocks, first block first."""
        stages = (self.layer1, self.layer2, self.layer3)
        return [block for stage in stages for block in stage if isinstance(block, BasicBlock)]

    def forward(self, x: Tensor) -> Tensor:
        """Classify normalised images: (n, 3, h, w) -> logits (n, classes)."""
        return self.head(self.through(self.stem(x)))

    def stem(self, x: Tensor) -> Tensor:
        """Normalised images (n, 3, h, w) -> input of the first block (n, base width, h, w)."""
        return F.relu(self.bn1(self.conv1(x)))

    def through(self, x: Tensor, first: int = 0, end: int | None = None) -> Tensor:
        """Apply the blocks `first` to `end` (exclusive, counted from 0) to the input `x` of the first."""
        for block in self.blocks[first:end]:
            x = block(x)
        return x

    def head(self, x: Tensor) -> Tensor:
        """Output of the last block (n, 4 * base width, h / 4, w / 4) -> logits (n, classes)."""
        logits: Tensor = self.linear(x.mean(dim=(2, 3)))
        return logits

    def prepare(self, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Normalise raw images (n, 3, h, w), uint8 or floats in 0..255, for `forward`; channels last in memory."""
        return normalise(images, self.normalisation, dtype)


def normalise(images: Tensor, normalisation: Normalisation, dtype: torch.dtype = torch.float32) -> Tensor:
    """`(x / 255 - mean) / std` of raw images (n, 3, h, w), uint8 or floats in 0..255, as `dtype`, channels last."""
    mean, scale = _mean_and_scale(normalisation, images.device)
    x = images.to(torch.float32, memory_format=torch.channels_last)
    return x.sub(mean).mul_(scale).to(dtype)


@lru_cache(maxsize=16)
def _mean_and_scale(normalisation: Normalisation, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cached on the device: a copy per batch would stall a GPU and cannot be captured in a CUDA graph."""
    with torch.inference_mode(False):
        mean = torch.tensor(normalisation.mean, device=device).view(1, 3, 1, 1) * 255
        return mean, 1 / (torch.tensor(normalisation.std, device=device).view(1, 3, 1, 1) * 255)


def initialise(model: ResNet, generator: torch.Generator) -> None:
    """Draw the weights in place: Kaiming normal (He et al. 2015, Delving Deep into Rectifiers), zero bias."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, generator=generator)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
