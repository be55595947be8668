"""State dicts of the same shapes as public files, made from a network."""

from __future__ import annotations

import io
import re
from typing import Any

import torch

from roboreg_core.models.resnet import ResNet

State = dict[str, Any]


def torch_bytes(value: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **how)
    return buffer.getvalue()


def state_of(model: ResNet) -> State:
    return dict(model.state_dict())


def renamed(state: State, *rules: tuple[str, str]) -> State:
    """The state dict with each regular expression replaced in all names."""
    for pattern, new in rules:
        state = {re.sub(pattern, new, key): value for key, value in state.items()}
    return state


def masked(state: State, share: float = 0.5) -> State:
    """Weights and masks as torch.nn.utils.prune writes them; removed weights keep their values."""
    generator = torch.Generator().manual_seed(1)
    found: State = {}
    for key, value in state.items():
        if re.search(r"conv\d\.weight$", key):
            mask = (torch.rand(value.shape, generator=generator) >= share).float()
            found |= {f"{key}_orig": value, f"{key}_mask": mask}
        else:
            found[key] = value
    return found


def biased(state: State) -> State:
    """The same network with biases in its convolutions, whose batch norms subtract them."""
    found = dict(state)
    for key in state:
        if match := re.fullmatch(r"(.*)conv(\d)\.weight", key):
            bias = torch.linspace(-1, 1, len(state[key]))
            mean = f"{match[1]}bn{match[2]}.running_mean"
            found |= {f"{match[1]}conv{match[2]}.bias": bias, mean: state[mean] + bias}
    return found


# Spellings of public code: stem, stages, blocks, head.
SPELLINGS: dict[str, tuple[tuple[str, str], ...]] = {
    "conv_cell": (
        (r"^conv1\.", "pre_conv."),
        (r"^bn1\.", "pre_bn."),
        (r"^layer(\d)\.(\d+)\.conv1\.", r"res_layer\1.\2.conv_cell.0."),
        (r"^layer(\d)\.(\d+)\.bn1\.", r"res_layer\1.\2.conv_cell.1."),
        (r"^layer(\d)\.(\d+)\.conv2\.", r"res_layer\1.\2.conv_cell.3."),
        (r"^layer(\d)\.(\d+)\.bn2\.", r"res_layer\1.\2.conv_cell.4."),
        (r"^layer(\d)\.0\.shortcut\.", r"res_layer\1.0.skip."),
        (r"^linear\.", "fc."),
    ),
    "conv_1_3x3": (
        (r"^conv1\.", "conv_1_3x3."),
        (r"^bn1\.", "bn_1."),
        (r"^layer(\d)\.(\d+)\.conv1\.", r"stage_\1.\2.conv_a."),
        (r"^layer(\d)\.(\d+)\.bn1\.", r"stage_\1.\2.bn_a."),
        (r"^layer(\d)\.(\d+)\.conv2\.", r"stage_\1.\2.conv_b."),
        (r"^layer(\d)\.(\d+)\.bn2\.", r"stage_\1.\2.bn_b."),
        (r"^layer(\d)\.0\.shortcut\.0\.", r"stage_\1.0.skip_conv."),
        (r"^layer(\d)\.0\.shortcut\.1\.", r"stage_\1.0.skip_norm."),
        (r"^linear\.", "classifier."),
    ),
    "features": (
        (r"^conv1\.", "features.init_block.conv."),
        (r"^bn1\.", "features.init_block.bn."),
        (r"^layer(\d)\.(\d+)\.conv(\d)\.", r"features.stage\1.unit\2.body.conv\3.conv."),
        (r"^layer(\d)\.(\d+)\.bn(\d)\.", r"features.stage\1.unit\2.body.conv\3.bn."),
        (r"^layer(\d)\.0\.shortcut\.0\.", r"features.stage\1.unit0.identity_conv.conv."),
        (r"^layer(\d)\.0\.shortcut\.1\.", r"features.stage\1.unit0.identity_conv.bn."),
        (r"^linear\.", "output."),
    ),
    "encoder and head": ((r"^(?!linear)", "encoder."), (r"^linear\.", "head.")),
    "flat": ((r"\.(?=.*\.)", "_"),),
}
