"""Feature vectors by which a block's filters are clustered."""

from collections.abc import Callable

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors


def raw_rows(tensors: BlockTensors) -> Tensor:
    """One row per filter: conv1's weights, (width, 9 * inputs), the original project's features."""
    return tensors.conv1.flatten(1)


def filter_rows(tensors: BlockTensors) -> Tensor:
    """One row per filter: conv1's weights, gamma and beta, (width, 9 * inputs + 2).

    Filters of a block with equal rows have equal running statistics, and so equal channels on every image.
    """
    return torch.cat([raw_rows(tensors), tensors.norm.gamma[:, None], tensors.norm.beta[:, None]], dim=1)


def folded_rows(tensors: BlockTensors) -> Tensor:
    """One row per filter: conv1's weights and bias with bn1 folded in, (width, 9 * inputs + 1)."""
    weight, bias = tensors.folded()
    return torch.cat([weight.flatten(1), bias[:, None]], dim=1)


def joint_rows(tensors: BlockTensors) -> Tensor:
    """One row per filter: its conv1 weights and the conv2 weights that read its channel, each scaled to unit length.

    Shape (width, 9 * (inputs + outputs)).
    """
    slices = tensors.conv2.transpose(0, 1).flatten(1)
    return torch.cat([_unit(raw_rows(tensors)), _unit(slices)], dim=1)


def response_rows(responses: Tensor) -> Tensor:
    """Centre the rows of `responses` (width, n) and scale them to unit length.

    Squared distances of the rows are then 2 - 2 * correlation.
    """
    return _unit(responses - responses.mean(1, keepdim=True))


def _unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)


# Functions of a block's tensors and its channels' activations (width, n); they return (width, n_features).
ROWS: dict[str, Callable[[BlockTensors, Tensor], Tensor]] = {
    "raw": lambda tensors, _: raw_rows(tensors),
    "filter": lambda tensors, _: filter_rows(tensors),
    "folded": lambda tensors, _: folded_rows(tensors),
    "joint": lambda tensors, _: joint_rows(tensors),
    "responses": lambda _, responses: response_rows(responses),
}
