from collections.abc import Callable

import pytest
import torch

from roboreg_core.datasets.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.evaluation.logits import logits
from roboreg_core.models.costs import cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.methods import WeightsSpec, parse_weights
from roboreg_core.pruning.weight_pruning import count_zeros, prune_weights
from roboreg_core.schedules.schedule import presets
from roboreg_core.training.loop import fit
from roboreg_core.training.spec import TrainSpec
from tests.models.counted import count

Make = Callable[..., ResNet]
HALF = presets()["moderate"]


def pruned_to(model: ResNet, sparsity: float) -> ResNet:
    return prune_weights(model, WeightsSpec(sparsity=sparsity), HALF).model


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.9])
def test_exactly_the_smallest_weights_become_zero(make_network: Make, sparsity: float) -> None:
    model = make_network()
    pruned = prune_weights(model, WeightsSpec(sparsity=sparsity), HALF)
    found = count_zeros(pruned.model)
    assert found.weights == 16 * 27 + sum(b.conv1.weight.numel() + b.conv2.weight.numel() for b in model.blocks) + 640
    assert found.nonzeros == found.weights - round(sparsity * found.weights)
    before, after = model.blocks[3].conv1.weight, pruned.model.blocks[3].conv1.weight
    assert torch.equal(after, before * (before.abs() > pruned.threshold) if sparsity else before)


def test_without_settings_the_schedule_gives_the_sparsity(make_network: Make) -> None:
    found = count_zeros(prune_weights(make_network(), WeightsSpec(), HALF).model)
    assert found.nonzeros / found.weights == pytest.approx(
        cost(HALF).parameters / cost(presets()["dense"]).parameters, abs=1e-5
    )


def test_only_compressed_and_sparse_files_become_smaller(make_network: Make) -> None:
    model = pruned_to(make_network(), 0.9)
    full, thin = count_zeros(make_network()), count_zeros(model)
    expected = cost(presets()["dense"])
    assert count(model) == (expected.parameters, expected.macs)
    assert full.plain_bytes == thin.plain_bytes == 4 * full.weights
    assert thin.sparse_bytes < full.sparse_bytes / 3
    assert full.sparse_bytes > full.dense_bytes


def test_a_threshold_of_zero_changes_nothing(make_network: Make, few_images: Images) -> None:
    model = make_network()
    pruned = prune_weights(model, WeightsSpec(threshold=0.0), HALF)
    assert torch.equal(logits(model, few_images), logits(pruned.model, few_images))


def test_fine_tuning_keeps_zeros(make_network: Make, few_images: Images) -> None:
    spec = TrainSpec(recipe="test", epochs=2, batch_size=25, learning_rate=0.01, average=0.9)
    start = pruned_to(make_network(presets()["quarter"]), 0.8)
    kept = fit(start, few_images, spec, keep_zeros=True).model
    free = fit(start, few_images, spec).model
    assert count_zeros(kept).nonzeros == count_zeros(start).nonzeros < count_zeros(free).nonzeros
    assert not torch.equal(kept.linear.weight, start.linear.weight)
    for before, after in zip(start.blocks, kept.blocks, strict=True):
        assert not after.conv1.weight[before.conv1.weight == 0].any()


@pytest.mark.parametrize("spec", [WeightsSpec(), WeightsSpec(sparsity=0.9), WeightsSpec(threshold=0.0125)])
def test_a_spec_is_parsed_from_its_notation(spec: WeightsSpec) -> None:
    assert parse_weights(spec.notation) == spec


@pytest.mark.parametrize("text", ["weights:sparsity=2", "weights:sparsity=x", "weights:0.5", "weights:threshold=-1"])
def test_invalid_notation_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="got"):
        parse_weights(text)


def test_other_methods_are_not_weight_pruning() -> None:
    assert parse_weights("refit") is None


@pytest.mark.parametrize("settings", [{"sparsity": 0.5, "threshold": 0.1}, {"sparsity": 1.0}, {"threshold": -1.0}])
def test_bad_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(SpecError, match="got"):
        WeightsSpec(**settings)
