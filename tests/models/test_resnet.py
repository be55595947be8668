from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.transforms import v2

from roboreg_core.architecture import RESNET20
from roboreg_core.datasets.images import Images
from roboreg_core.models.normalisation import IMAGENET, Normalisation
from roboreg_core.models.resnet import LambdaLayer, ResNet, initialise
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.seeding import torch_generator
from tests.tolerance import PRODUCTS, assert_same, assert_same_logits

schedules = st.tuples(*(st.integers(1, bound) for bound in RESNET20.bounds)).map(Schedule)


@given(schedules)
@settings(max_examples=15)
def test_only_inner_widths_follow_the_schedule(schedule: Schedule) -> None:
    with torch.device("meta"):
        model = ResNet(schedule).eval()
        x = torch.empty(2, 16, 32, 32)
    assert [block.conv1.out_channels for block in model.blocks] == list(schedule)
    for block, outputs in zip(model.blocks, RESNET20.bounds, strict=True):
        x = block(x)
        assert x.shape[1] == outputs
    assert x.shape == (2, 64, 8, 8)
    with torch.device("meta"):
        assert model(torch.empty(2, 3, 32, 32)).shape == (2, 10)


def test_names_are_those_of_published_weights() -> None:
    names = [name for name in ResNet().state_dict() if not name.endswith("num_batches_tracked")]
    assert names[:2] == ["conv1.weight", "bn1.weight"]
    assert names[-2:] == ["linear.weight", "linear.bias"]
    assert {"layer1.0.conv1.weight", "layer2.0.bn2.running_var", "layer3.2.conv2.weight"} < set(names)
    assert len(names) == 5 + 9 * 10 + 2


def test_twenty_layers() -> None:
    layers = [module for module in ResNet().modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 20


def test_shortcut_takes_every_second_pixel_and_pads_channels_with_zeros() -> None:
    x = torch.rand(2, 16, 8, 8)
    out = LambdaLayer(8, 8)(x)
    assert out.shape == (2, 32, 4, 4)
    for row in range(4):
        for column in range(4):
            assert torch.equal(out[:, 8:24, row, column], x[:, :, 2 * row, 2 * column])
    assert not out[:, :8].any()
    assert not out[:, 24:].any()
    assert not list(LambdaLayer(8, 8).parameters())


@pytest.mark.parametrize("number", [1, 4, 7])
def test_a_shortcut_is_added_alike_with_and_without_gradients(number: int) -> None:
    block = ResNet().eval().blocks[number - 1]
    channels = block.conv1.in_channels
    x = torch.randn(2, channels, 8, 8, generator=torch.Generator().manual_seed(0))
    with_gradients = block(x)
    with torch.no_grad():
        without = block(x)
        assert_same(without, with_gradients, terms=PRODUCTS, depth=2)
        plain = F.relu(block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x))))) + block.shortcut(x))
        assert_same(without, plain, terms=PRODUCTS, depth=2)


def test_shortcuts_are_plain_but_where_the_shape_changes() -> None:
    kinds = [type(block.shortcut) for block in ResNet().blocks]
    expected = [nn.Identity] * 9
    expected[3] = expected[6] = LambdaLayer
    assert kinds == expected


def test_prepare_is_torchvisions_normalisation(images: Images) -> None:
    expected = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET.mean, IMAGENET.std)])
    found = ResNet().prepare(images.pixels)
    # Three steps with two rounded constants; the subtraction cancels.
    scale = float((images.pixels / 255).norm()) / min(IMAGENET.std)
    assert_same(found, expected(images.pixels), terms=5, scale=scale)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_prepare_uses_the_networks_own_normalisation(few_images: Images) -> None:
    plain = ResNet(normalisation=Normalisation(mean=(0, 0, 0), std=(1, 1, 1)))
    before = few_images.pixels.clone()
    assert_same(plain.prepare(few_images.pixels), few_images.pixels / 255, terms=3)
    assert_same(plain.prepare(few_images.pixels.float()), few_images.pixels / 255, terms=3)
    assert plain.prepare(few_images.pixels, torch.bfloat16).dtype == torch.bfloat16
    assert torch.equal(few_images.pixels, before)


def test_prepare_leaves_float_images_as_they_were() -> None:
    pixels = torch.rand(4, 3, 32, 32).to(memory_format=torch.channels_last) * 255
    before = pixels.clone()
    ResNet().prepare(pixels)
    assert torch.equal(pixels, before)


def test_initial_weights_follow_the_seed_alone() -> None:
    def fresh(seed: int) -> ResNet:
        model = ResNet(presets()["quarter"])
        initialise(model, torch_generator(seed))
        return model

    first, same, other = fresh(0), fresh(0), fresh(1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
    assert not first.linear.bias.any()


def test_initial_scale_is_kaimings() -> None:
    model = ResNet()
    initialise(model, torch_generator(0))
    weight = model.layer3[2].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)


def test_permuting_a_blocks_filters_changes_nothing(make_network: Callable[..., ResNet], few_images: Images) -> None:
    model = make_network(presets()["moderate"])
    x = model.prepare(few_images.pixels)
    with torch.inference_mode():
        expected = model(x)
        block = model.blocks[4]
        order = torch.randperm(16, generator=torch_generator(0))
        block.conv1.weight.copy_(block.conv1.weight[order])
        for tensor in (block.bn1.weight, block.bn1.bias, block.bn1.running_mean, block.bn1.running_var):
            tensor.copy_(tensor[order])
        block.conv2.weight.copy_(block.conv2.weight[:, order])
        assert_same_logits(model(x), expected)
