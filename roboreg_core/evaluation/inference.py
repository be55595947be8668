"""A folded network's float32 pass block by block, for one that many batches go through."""

from __future__ import annotations

from torch import Tensor

from roboreg_core.convolution import Convolution
from roboreg_core.model.resnet import BasicBlock, ResNet20


class Inference:
    """A network with folded batch norms; it computes what the network does, to rounding."""

    def __init__(self, network: ResNet20) -> None:
        self._network = network
        self._stem = Convolution.of(network.conv1)
        self._blocks = [_Block(block) for block in network.blocks]

    def __call__(self, x: Tensor) -> Tensor:
        """Logits (n, 10) of prepared images (n, 3, 32, 32)."""
        return self.head(self.through(self.stem(x)))

    def stem(self, x: Tensor) -> Tensor:
        """What the first block gets, (n, 16, 32, 32)."""
        return self._stem(x, relu=True)

    def through(self, x: Tensor, first: int = 0, end: int | None = None) -> Tensor:
        """What the block before `end` answers where block `first`, counted from 0, gets `x`."""
        for block in self._blocks[first:end]:
            x = block(x)
        return x

    def head(self, x: Tensor) -> Tensor:
        """Logits (n, 10) from what the last block answers."""
        logits: Tensor = self._network.linear(x.mean(dim=(2, 3)))
        return logits


class _Block:
    def __init__(self, block: BasicBlock) -> None:
        self._block = block
        self._conv1, self._conv2 = Convolution.of(block.conv1), Convolution.of(block.conv2)

    def __call__(self, x: Tensor) -> Tensor:
        return self._block.answer(self._conv2, self._conv1(x, relu=True), x)
