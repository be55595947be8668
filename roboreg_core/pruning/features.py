"""What of a filter is clustered: one row of numbers a filter, from its weights or from what it answers to images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from roboreg_core.pruning.block_tensors import BlockTensors


def raw_rows(inner: BlockTensors) -> Tensor:
    """conv1's weights, (width, 9 * inputs): the source project's features."""
    return inner.conv1.flatten(1)


def filter_rows(inner: BlockTensors) -> Tensor:
    """All that makes a channel what it is: conv1's weights with gamma and beta beside them, (width, 9 * inputs + 2).

    Two filters of a block with equal rows give equal channels on every image: their statistics are then equal too.
    """
    return torch.cat([raw_rows(inner), inner.gamma[:, None], inner.beta[:, None]], dim=1)


def folded_rows(inner: BlockTensors) -> Tensor:
    """conv1's weights and bias with batch norm folded into them, (width, 9 * inputs + 1)."""
    weight, bias = inner.folded()
    return torch.cat([weight.flatten(1), bias[:, None]], dim=1)


def joint_rows(inner: BlockTensors) -> Tensor:
    """What a channel sees and what is made of it: conv1's row beside conv2's slice, each scaled to length one."""
    reads = inner.conv2.transpose(0, 1).flatten(1)
    return torch.cat([_unit(raw_rows(inner)), _unit(reads)], dim=1)


def response_rows(responses: Tensor) -> Tensor:
    """A channel's responses, centred and scaled to length one: their distance says how correlated they are."""
    return _unit(responses - responses.mean(1, keepdim=True))


def _unit(rows: Tensor) -> Tensor:
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)


# From a block's tensors and its channels' responses (width, n) to (width, n_features).
ROWS: dict[str, Callable[[BlockTensors, Tensor], Tensor]] = {
    "raw": lambda inner, _: raw_rows(inner),
    "filter": lambda inner, _: filter_rows(inner),
    "folded": lambda inner, _: folded_rows(inner),
    "joint": lambda inner, _: joint_rows(inner),
    "responses": lambda _, responses: response_rows(responses),
}
