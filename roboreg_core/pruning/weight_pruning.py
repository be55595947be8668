"""Unstructured magnitude pruning of single weights (Han et al. 2015), for comparison with filter pruning.

The network keeps its shapes, parameter count and latency; only a sparse or compressed file becomes smaller.
"""

import copy
import io
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from roboreg_core.models.costs import BYTES_PER_FLOAT, cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.methods import WeightsSpec
from roboreg_core.schedules.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class WeightSparsity:
    """Zeros among the weights of convolutions and the linear layer, and the sizes of files of these weights.

    Attributes:
        weights, nonzeros: number of weights, and of those that are not zero.
        plain_bytes: size as float32.
        dense_bytes, sparse_bytes: size of a compressed file of dense arrays, and of compressed sparse rows.
    """

    weights: int
    nonzeros: int
    plain_bytes: int
    dense_bytes: int
    sparse_bytes: int

    def to_json(self) -> dict[str, Any]:
        """`weights`, `nonzeros` and `file_bytes` (with `plain`, `dense`, `sparse`) as a JSON object."""
        sizes = {"plain": self.plain_bytes, "dense": self.dense_bytes, "sparse": self.sparse_bytes}
        return {"weights": self.weights, "nonzeros": self.nonzeros, "file_bytes": sizes}


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightPruned:
    """A network whose weights of magnitude up to `threshold` are zero; `seconds` is the duration of pruning."""

    model: ResNet
    threshold: float
    seconds: float


@torch.no_grad()
def prune_weights(model: ResNet, spec: WeightsSpec, schedule: Schedule) -> WeightPruned:
    """Set the smallest weights of all layers together to zero in a copy of `model`.

    Args:
        model: any network.
        spec: sparsity or threshold.
        schedule: gives the sparsity if `spec` does not: the share of the dense network's parameters that it removes.
    """
    started = time.perf_counter()
    sparsity, threshold = spec.sparsity, spec.threshold
    if sparsity is None and threshold is None:
        sparsity = 1 - cost(schedule).parameters / cost(schedule.dense).parameters
    pruned = copy.deepcopy(model).eval()
    layers = _layers(pruned)
    magnitudes = torch.cat([layer.abs().flatten() for layer in layers])
    if sparsity is not None:
        zeros = round(sparsity * len(magnitudes))
        threshold = float(magnitudes.kthvalue(zeros).values) if zeros else -1.0
    assert threshold is not None
    for layer in layers:
        layer[layer.abs() <= threshold] = 0
    return WeightPruned(model=pruned, threshold=max(threshold, 0.0), seconds=time.perf_counter() - started)


@torch.no_grad()
def count_zeros(model: ResNet) -> WeightSparsity:
    """Count zero weights of convolutions and the linear layer, and measure their size in three file formats."""
    layers = [layer.detach() for layer in _layers(model)]
    weights = sum(layer.numel() for layer in layers)
    return WeightSparsity(
        weights=weights,
        nonzeros=sum(int(layer.count_nonzero()) for layer in layers),
        plain_bytes=BYTES_PER_FLOAT * weights,
        dense_bytes=_dense_bytes(layers),
        sparse_bytes=_sparse_bytes(layers),
    )


def _layers(model: ResNet) -> list[Tensor]:
    return [module.weight for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _dense_bytes(layers: list[Tensor]) -> int:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, *[layer.flatten(1).numpy() for layer in layers])
    return buffer.tell()


def _sparse_bytes(layers: list[Tensor]) -> int:
    """Size of all layers as one block-diagonal CSR matrix in scipy's file format."""
    buffer = io.BytesIO()
    blocks = [sparse.csr_matrix(layer.flatten(1).numpy()) for layer in layers]
    sparse.save_npz(buffer, sparse.block_diag(blocks).tocsr())
    return buffer.tell()
