"""Individual weights set to zero by magnitude (Han et al. 2015), for comparison with pruning whole filters.

Nothing becomes smaller by it: the network keeps its parameters, its counts and its time; only a sparse file shrinks.
"""

from __future__ import annotations

import copy
import io
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.models.resnet import ResNet20
from roboreg_core.pruning.methods import WeightsSpec
from roboreg_core.schedules.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class WeightSparsity:
    """How many weights of a network are zero, and what that is worth in a file.

    Attributes:
        weights: how many weights of convolutions and of the linear layer there are; nothing else is looked at.
        nonzeros: how many of them are not zero.
        plain_bytes: the weights as they are in memory and in a weights file, float32.
        dense_bytes, sparse_bytes: as a compressed file of dense arrays, and of compressed sparse rows.
    """

    weights: int
    nonzeros: int
    plain_bytes: int
    dense_bytes: int
    sparse_bytes: int

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        sizes = {"plain": self.plain_bytes, "dense": self.dense_bytes, "sparse": self.sparse_bytes}
        return {"weights": self.weights, "nonzeros": self.nonzeros, "file_bytes": sizes}


@dataclass(frozen=True, kw_only=True, eq=False)
class WeightPruned:
    """A network with zeros in it, as large as before: weights up to `threshold` in size became zero."""

    model: ResNet20
    threshold: float
    seconds: float


@torch.no_grad()
def prune_weights(model: ResNet20, spec: WeightsSpec, schedule: Schedule) -> WeightPruned:
    """Set the smallest weights of all layers together to zero; `model` is not changed.

    Args:
        model: any.
        spec: which.
        schedule: where `spec` does not say: that share of the weights becomes zero that the schedule saves of the dense
            network's parameters.
    """
    started = time.perf_counter()
    sparsity, threshold = spec.sparsity, spec.threshold
    if sparsity is None and threshold is None:
        sparsity = 1 - cost(schedule).parameters / DENSE_COST.parameters
    pruned = copy.deepcopy(model).eval()
    layers = _layers(pruned)
    sizes = torch.cat([layer.abs().flatten() for layer in layers])
    if sparsity is not None:
        zeros = round(sparsity * len(sizes))
        threshold = float(sizes.kthvalue(zeros).values) if zeros else -1.0
    assert threshold is not None
    for layer in layers:
        layer[layer.abs() <= threshold] = 0
    return WeightPruned(model=pruned, threshold=max(threshold, 0.0), seconds=time.perf_counter() - started)


@torch.no_grad()
def count_zeros(model: ResNet20) -> WeightSparsity:
    """How many weights are zero, and how large the weights are in files of three kinds."""
    layers = [layer.detach() for layer in _layers(model)]
    weights = sum(layer.numel() for layer in layers)
    return WeightSparsity(
        weights=weights,
        nonzeros=sum(int(layer.count_nonzero()) for layer in layers),
        plain_bytes=4 * weights,
        dense_bytes=_dense_bytes(layers),
        sparse_bytes=_sparse_bytes(layers),
    )


def _layers(model: ResNet20) -> list[Tensor]:
    return [module.weight for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _dense_bytes(layers: list[Tensor]) -> int:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, *[layer.flatten(1).numpy() for layer in layers])
    return buffer.tell()


def _sparse_bytes(layers: list[Tensor]) -> int:
    """All layers as one block-diagonal matrix of compressed sparse rows, as scipy saves it."""
    buffer = io.BytesIO()
    sparse.save_npz(
        buffer, sparse.block_diag([sparse.csr_matrix(layer.flatten(1).numpy()) for layer in layers]).tocsr()
    )
    return buffer.tell()
