from collections.abc import Callable

import pytest
import torch

from roboreg_core.data.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import logits
from roboreg_core.model.cost import cost
from roboreg_core.model.counted import count
from roboreg_core.model.resnet import ResNet20
from roboreg_core.pruning.weights import prune_weights
from roboreg_core.schedule import PRESETS

Make = Callable[..., ResNet20]


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9])
def test_exactly_the_smallest_weights_become_zero(make_network: Make, sparsity: float) -> None:
    model = make_network()
    pruned = prune_weights(model, sparsity=sparsity)
    assert pruned.weights == 16 * 27 + sum(b.conv1.weight.numel() + b.conv2.weight.numel() for b in model.blocks) + 640
    assert pruned.nonzeros == pruned.weights - round(sparsity * pruned.weights)
    before, after = model.blocks[3].conv1.weight, pruned.model.blocks[3].conv1.weight
    assert torch.equal(after, before * (before.abs() > pruned.threshold) if sparsity else before)


def test_nothing_becomes_smaller_but_a_sparse_file(make_network: Make) -> None:
    full, thin = prune_weights(make_network(), sparsity=0.0), prune_weights(make_network(), sparsity=0.9)
    expected = cost(PRESETS["dense"])
    assert count(thin.model) == (expected.parameters, expected.macs)
    assert thin.sparse_bytes < full.sparse_bytes / 3
    assert full.sparse_bytes > full.dense_bytes


def test_a_threshold_of_zero_changes_nothing(make_network: Make, few_images: Images) -> None:
    model = make_network()
    pruned = prune_weights(model, threshold=0.0)
    assert torch.equal(logits(model, few_images), logits(pruned.model, few_images))


@pytest.mark.parametrize("settings", [{}, {"sparsity": 0.5, "threshold": 0.1}, {"sparsity": 1.0}, {"threshold": -1.0}])
def test_bad_settings_are_refused(make_network: Make, settings: dict[str, float]) -> None:
    with pytest.raises(SpecError, match="got"):
        prune_weights(make_network(), **settings)
