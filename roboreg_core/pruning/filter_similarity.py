"""Similarity of a block's filters: correlations, Ward's dendrogram, and filters as pictures.

Computed in milliseconds from the dense weights, without images.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.hierarchy import leaves_list, optimal_leaf_ordering, ward
from torch import Tensor

from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.block_tensors import BlockTensors
from roboreg_core.pruning.criteria import SCORES, medoids, top_of_each
from roboreg_core.pruning.features import ROWS
from roboreg_core.pruning.methods import NO_CLUSTERS, RESPONSES, Method
from roboreg_core.seeding import torch_generator


@dataclass(frozen=True, kw_only=True, eq=False)
class WardTree:
    """Ward's linkage of a block's n filters.

    Attributes:
        merges: scipy's linkage matrix (n - 1, 4); leaves are filters, merge `i` makes node `n + i`.
        order: leaves from left to right in optimal leaf ordering, int (n,).
        lost: share of the filters' variance that each merge removes by replacing both groups by their mean, (n - 1,);
            the sum is 1.
    """

    merges: np.ndarray
    order: np.ndarray
    lost: np.ndarray

    def members(self, node: int) -> list[int]:
        """Filters below a node (0..2n - 2, numbered as in scipy's linkage), ascending."""
        n = len(self.order)
        if node < n:
            return [node]
        left, right = self.merges[node - n, :2].astype(int)
        return sorted(self.members(left) + self.members(right))


def feature_rows(model: ResNet, block: int, method: Method) -> tuple[np.ndarray, str]:
    """Features of the filters of a block (numbered from 1), and the name of these features, a key of `FEATURES`.

    Features are float64 (n_filters, n_features). They are those that the method clusters; `raw` (conv1's weights) for
    methods without clusters and for those that cluster activations on images.
    """
    features = method.features if method.clusters != NO_CLUSTERS and method.features != RESPONSES else "raw"
    rows = ROWS[features](BlockTensors.of(model.blocks[block - 1]), torch.empty(0))
    return rows.double().numpy(), features


def correlations(rows: np.ndarray) -> np.ndarray:
    """Pearson correlations (n, n) of the rows of a matrix; 0 for constant rows, 1 on the diagonal."""
    centred = rows - rows.mean(1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    matrix = np.clip(unit @ unit.T, -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


def tree(rows: np.ndarray) -> WardTree:
    """Ward's linkage of the filters' features `rows` (n, n_features), n at least 2."""
    merges = optimal_leaf_ordering(ward(rows), rows)
    # Half the squared height is the increase of the within-cluster sum of squares.
    added = merges[:, 2] ** 2 / 2
    return WardTree(merges=merges, order=leaves_list(merges), lost=added / max(added.sum(), 1e-300))


def kept_filters(model: ResNet, block: int, method: Method, labels: np.ndarray, seed: int) -> np.ndarray | None:
    """Mask of the filters that pruning kept, bool (n_filters,); None if that cannot be known without images.

    If the method replaces clusters by their mean, only filters alone in their cluster are kept. Without clusters, the
    first of equal filters is.

    Args:
        model: the dense network.
        block: its number, from 1.
        method: pruning method.
        labels: index after pruning of the filter that each filter became or joined, int (n_filters,); -1 if dropped.
        seed: seed of the pruning.
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
    tensors = BlockTensors.of(model.blocks[block - 1])
    rows = ROWS[method.features](tensors, torch.empty(0))
    scores = SCORES.get(method.keep)
    generator = torch_generator(seed, "score", block)
    kept = medoids(rows.double(), found) if scores is None else top_of_each(scores(tensors, generator), found)
    return np.isin(np.arange(len(labels)), kept.numpy())


def pictures(model: ResNet, block: int) -> np.ndarray:
    """Filters of a block (from 1) as RGB pictures, uint8 (n_filters, height, width, 3).

    Zero is mid grey, the largest weight full scale.

    Filters of block 1 are convolved with the stem, as if no ReLU were between them, to 5 x 5 kernels over RGB. Filters
    of later blocks are shown as a square of their 3 x 3 kernels, one per input channel, in grey.
    """
    tensors = BlockTensors.of(model.blocks[block - 1])
    tiles = _over_rgb(model, tensors.conv1) if block == 1 else _kernels(tensors.conv1)
    scaled = 127.5 + 127.5 * tiles / tiles.abs().max().clamp_min(1e-12)
    return scaled.round().clamp(0, 255).to(torch.uint8).numpy()


@torch.no_grad()
def _over_rgb(model: ResNet, conv1: Tensor) -> Tensor:
    norm = model.bn1
    assert norm.running_var is not None
    stem = model.conv1.weight * (norm.weight / torch.sqrt(norm.running_var + norm.eps)).view(-1, 1, 1, 1)
    std = torch.tensor(model.normalisation.std).view(1, 3, 1, 1)
    # Two successive convolutions are one with the full convolution of their kernels.
    composed = F.conv_transpose2d(conv1, stem / std)
    return composed.permute(0, 2, 3, 1)


def _kernels(conv1: Tensor) -> Tensor:
    n, inputs = conv1.shape[:2]
    side = int(np.ceil(np.sqrt(inputs)))
    padded = F.pad(conv1, (0, 1, 0, 1, 0, 0, 0, 0))
    padded = torch.cat([padded, padded.new_zeros(n, side * side - inputs, 4, 4)], 1)
    square = padded.view(n, side, side, 4, 4).transpose(2, 3).reshape(n, side * 4, side * 4)
    return square[:, :-1, :-1, None].expand(-1, -1, -1, 3)
