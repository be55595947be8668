"""Individual weights set to zero by magnitude (Han et al. 2015), for comparison with pruning whole filters.

Nothing becomes smaller by it: the network keeps its parameters, its counts and its time; only a sparse file shrinks.
"""

from __future__ import annotations

import copy
import io
import time
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from roboreg_core.errors import SpecError
from roboreg_core.model.resnet import ResNet20


@dataclass(frozen=True, kw_only=True, eq=False)
class Sparse:
    """A network with zeros in it.

    Attributes:
        model: as large as before.
        weights: how many weights of convolutions and of the linear layer there are; nothing else is looked at.
        nonzeros: how many of them are not zero.
        threshold: weights up to this size became zero.
        dense_bytes, sparse_bytes: the weights as a compressed file of dense arrays, and of compressed sparse rows.
        seconds: what it took.
    """

    model: ResNet20
    weights: int
    nonzeros: int
    threshold: float
    dense_bytes: int
    sparse_bytes: int
    seconds: float


@torch.no_grad()
def prune_weights(model: ResNet20, *, sparsity: float | None = None, threshold: float | None = None) -> Sparse:
    """Set the smallest weights of all layers together to zero; `model` is not changed.

    Args:
        model: any.
        sparsity: share of the weights that shall be zero, 0 to below 1.
        threshold: instead: weights up to this size become zero, at least 0.

    Raises:
        SpecError: where neither or both are given, or one is out of bounds.
    """
    _check(sparsity, threshold)
    started = time.perf_counter()
    pruned = copy.deepcopy(model).eval()
    layers = [module.weight for module in pruned.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    sizes = torch.cat([layer.abs().flatten() for layer in layers])
    if threshold is None:
        assert sparsity is not None
        zeros = round(sparsity * len(sizes))
        threshold = float(sizes.kthvalue(zeros).values) if zeros else -1.0
    for layer in layers:
        layer[layer.abs() <= threshold] = 0
    return Sparse(
        model=pruned,
        weights=len(sizes),
        nonzeros=sum(int(layer.count_nonzero()) for layer in layers),
        threshold=max(threshold, 0.0),
        dense_bytes=_dense_bytes(layers),
        sparse_bytes=_sparse_bytes(layers),
        seconds=time.perf_counter() - started,
    )


def _check(sparsity: float | None, threshold: float | None) -> None:
    if (sparsity is None) == (threshold is None):
        raise SpecError("weights are pruned to a sparsity or below a threshold, got neither or both; give one")
    if sparsity is not None and not 0 <= sparsity < 1:
        raise SpecError(f"sparsity must be 0 to below 1, got {sparsity}")
    if threshold is not None and not threshold >= 0:
        raise SpecError(f"threshold must be at least 0, got {threshold}")


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
