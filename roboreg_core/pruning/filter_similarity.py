"""A block's filters looked at: how alike they are, the tree of their likeness, and how they look as pictures.

Computed from the dense weights alone, so it takes milliseconds; what images would be needed for is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.hierarchy import leaves_list, optimal_leaf_ordering, ward
from torch import Tensor

from roboreg_core.models.resnet import ResNet20
from roboreg_core.pruning.block_tensors import BlockTensors
from roboreg_core.pruning.criteria import SCORES, best_of_each, medoids
from roboreg_core.pruning.features import ROWS
from roboreg_core.pruning.methods import NO_CLUSTERS, RESPONSES, Method
from roboreg_core.seeding import torch_generator


@dataclass(frozen=True, kw_only=True, eq=False)
class WardTree:
    """Ward's linkage of a block's filters: `n - 1` merges, the cheapest first.

    Attributes:
        merges: scipy's linkage matrix (n - 1, 4); leaves are filters, node `n + i` is made by merge `i`.
        order: int (n,), the filters from left to right so that no branches cross and neighbours are alike.
        lost: (n - 1,), what each merge loses: the share of the filters' variance about their mean that is given up when
            both groups are replaced by their mean. The shares of all merges add up to one.
    """

    merges: np.ndarray
    order: np.ndarray
    lost: np.ndarray

    def members(self, node: int) -> list[int]:
        """The filters below a node, ascending."""
        n = len(self.order)
        if node < n:
            return [node]
        left, right = self.merges[node - n, :2].astype(int)
        return sorted(self.members(left) + self.members(right))


def rows_of(model: ResNet20, block: int, method: Method) -> tuple[np.ndarray, str]:
    """One row a filter, float64 (n_filters, n_features), and the name of these features.

    The features that the method clusters; conv1's raw weights where it clusters none, or clusters responses to images.
    """
    looked_at = method.features if method.clusters != NO_CLUSTERS and method.features != RESPONSES else "raw"
    rows = ROWS[looked_at](BlockTensors.of(model.blocks[block - 1]), torch.empty(0))
    return rows.double().numpy(), looked_at


def correlations(rows: np.ndarray) -> np.ndarray:
    """Pearson correlation of each two rows, (n, n); 0 where one is constant, 1 on the diagonal."""
    centred = rows - rows.mean(1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    matrix = np.clip(unit @ unit.T, -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


def tree(rows: np.ndarray) -> WardTree:
    """Ward's linkage of rows (n, n_features), n at least 2."""
    merges = optimal_leaf_ordering(ward(rows), rows)
    # Ward's height squared is twice what the merge adds to the sum of squares about the groups' means.
    added = merges[:, 2] ** 2 / 2
    return WardTree(merges=merges, order=leaves_list(merges), lost=added / max(added.sum(), 1e-300))


def stays(model: ResNet20, block: int, method: Method, labels: np.ndarray, seed: int) -> np.ndarray | None:
    """Bool (n_filters,), which filters are kept as they are; None where only images could tell.

    `labels` are those of `BlockReport`. Means of clusters keep the filters that are alone in theirs; without clusters
    equal filters go together, and the first of them stays.
    """
    found = torch.from_numpy(labels)
    count = int(labels.max()) + 1
    if method.clusters == NO_CLUSTERS:
        first = np.unique(labels, return_index=True)[1]
        return np.isin(np.arange(len(labels)), first) & (labels >= 0)
    alone = (np.bincount(labels[labels >= 0], minlength=count) == 1)[labels] & (labels >= 0)
    if alone.all() or method.keep in ("centroid", "average"):
        return np.asarray(alone)
    if method.keep == "loss" or method.features == RESPONSES:
        return None
    inner = BlockTensors.of(model.blocks[block - 1])
    rows = ROWS[method.features](inner, torch.empty(0))
    scores = SCORES.get(method.keep)
    generator = torch_generator(seed, "score", block)
    kept = medoids(rows.double(), found) if scores is None else best_of_each(scores(inner, generator), found)
    return np.isin(np.arange(len(labels)), kept.numpy())


def pictures(model: ResNet20, block: int) -> np.ndarray:
    """Each filter as a picture, uint8 (n_filters, height, width, 3), mid grey for a weight of zero.

    Block 1's filters read the stem's 16 channels, not colours. They are drawn 5 x 5 over RGB as the stem and the filter
    act together where every ReLU between them is open. Later filters are drawn as a square of their 3 x 3 kernels, one
    an input channel. The scale is the block's largest weight.
    """
    inner = BlockTensors.of(model.blocks[block - 1])
    tiles = _over_rgb(model, inner.conv1) if block == 1 else _kernels(inner.conv1)
    scaled = 127.5 + 127.5 * tiles / tiles.abs().max().clamp_min(1e-12)
    return scaled.round().clamp(0, 255).to(torch.uint8).numpy()


@torch.no_grad()
def _over_rgb(model: ResNet20, conv1: Tensor) -> Tensor:
    norm = model.bn1
    assert norm.running_var is not None
    stem = model.conv1.weight * (norm.weight / torch.sqrt(norm.running_var + norm.eps)).view(-1, 1, 1, 1)
    std = torch.tensor(model.normalisation.std).view(1, 3, 1, 1)
    # Filters that follow each other are one filter: the full convolution of their kernels.
    both = F.conv_transpose2d(conv1, stem / std)
    return both.permute(0, 2, 3, 1)


def _kernels(conv1: Tensor) -> Tensor:
    n, inputs = conv1.shape[:2]
    across = int(np.ceil(np.sqrt(inputs)))
    padded = F.pad(conv1, (0, 1, 0, 1, 0, 0, 0, 0))
    padded = torch.cat([padded, padded.new_zeros(n, across * across - inputs, 4, 4)], 1)
    square = padded.view(n, across, across, 4, 4).transpose(2, 3).reshape(n, across * 4, across * 4)
    return square[:, :-1, :-1, None].expand(-1, -1, -1, 3)
