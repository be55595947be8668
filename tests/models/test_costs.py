from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from roboreg_core.architecture import RESNET20
from roboreg_core.models.costs import block_macs, block_parameters, cost
from roboreg_core.models.resnet import ResNet
from roboreg_core.schedules.schedule import Schedule, dense_schedule, presets
from tests.models.counted import count

schedules = st.tuples(*(st.integers(1, bound) for bound in RESNET20.bounds)).map(Schedule)


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("dense", 269_722, 40_551_040),
        ("minimal", 264_088, 39_058_048),
        ("three-quarters", 202_738, 30_524_032),
        ("moderate", 135_754, 20_497_024),
        ("quarter", 68_770, 10_470_016),
        ("aggressive", 13_054, 3_428_992),
    ],
)
def test_presets_cost_exactly(name: str, parameters: int, macs: int) -> None:
    found = cost(presets()[name])
    assert (found.parameters, found.macs, found.flops) == (parameters, macs, 2 * macs)
    assert count(ResNet(presets()[name])) == (parameters, macs)


def test_every_preset_is_in_the_table() -> None:
    assert set(presets()) == {"dense", "minimal", "three-quarters", "moderate", "quarter", "aggressive"}
    assert cost(presets()["dense"]) == cost(dense_schedule())


@given(schedules)
@settings(max_examples=25)
def test_closed_form_equals_the_built_network(schedule: Schedule) -> None:
    assert count(ResNet(schedule)) == (cost(schedule).parameters, cost(schedule).macs)


def test_counted_macs_are_those_of_a_real_forward_pass() -> None:
    model = ResNet(presets()["quarter"]).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 32, 32))
    assert counter.get_total_flops() == 2 * count(model)[1]


def test_counting_leaves_the_network_as_it_was() -> None:
    model = ResNet(presets()["aggressive"]).train()
    before = copy.deepcopy(model.state_dict())
    count(model)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@given(schedules)
def test_size_is_that_of_the_saved_tensors(schedule: Schedule) -> None:
    with torch.device("meta"):
        state = ResNet(schedule).state_dict()
    floats = [tensor for tensor in state.values() if tensor.is_floating_point()]
    assert cost(schedule).size_bytes == sum(tensor.numel() * 4 for tensor in floats)


@given(schedules)
def test_layers_and_blocks_add_up(schedule: Schedule) -> None:
    found = cost(schedule)
    stem, *middle, linear = found.layers
    assert len(middle) == 18
    assert found.parameters == sum(layer.parameters for layer in found.layers)
    assert found.macs == sum(layer.macs for layer in found.layers)
    assert sum(block_parameters(schedule)) == found.parameters - stem.parameters - linear.parameters
    assert sum(block_macs(schedule)) == found.macs - stem.macs - linear.macs
    for k, i, o, parameters in zip(
        schedule,
        (16, 16, 16, 16, 32, 32, 32, 64, 64),
        (16, 16, 16, 32, 32, 32, 64, 64, 64),
        block_parameters(schedule),
        strict=True,
    ):
        assert parameters == 9 * i * k + 2 * k + 9 * k * o + 2 * o


@given(schedules)
def test_one_filter_more_always_costs_more(schedule: Schedule) -> None:
    for block, (kept, bound) in enumerate(zip(schedule, RESNET20.bounds, strict=True), start=1):
        less, more = schedule.replace(block, min(kept, bound - 1)), schedule.replace(block, min(kept + 1, bound))
        assert cost(more).parameters > cost(less).parameters
        assert cost(more).macs > cost(less).macs
        assert cost(more).size_bytes > cost(less).size_bytes
