import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.pruning.block_tensors import BlockTensors, NormTensors
from roboreg_core.pruning.filter_mixing import OutputPatches, mix_filters, mixed, unmixed
from roboreg_core.pruning.least_squares import TAPS
from roboreg_core.pruning.patches import patches
from tests.tolerance import assert_same


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def seen(width: int = 6, outputs: int = 4, n: int = 300, seed: int = 0) -> OutputPatches:
    channels = torch.cat([draw(n, TAPS, width, seed=seed), torch.ones(n, TAPS, 1)], dim=2)
    return OutputPatches(channels=channels, targets=draw(n, outputs, seed=seed + 1))


def answer(patched: OutputPatches, mixtures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    hidden = (patched.channels @ mixtures.T).relu()
    rows = hidden.transpose(1, 2).flatten(1)
    return rows @ weights[:-1] + weights[-1]


def error(patched: OutputPatches, mixtures: torch.Tensor, weights: torch.Tensor) -> float:
    return float((answer(patched, mixtures, weights) - patched.targets).square().sum())


@given(st.integers(0, 30), st.floats(0.1, 10))
def test_mixing_never_makes_the_output_worse(seed: int, size: float) -> None:
    patched, kept = seen(seed=seed), torch.tensor([0, 2, 5])
    weights = size * draw(3 * TAPS + 1, 4, seed=seed + 2)
    before = unmixed(kept, 6)
    after = mix_filters(patched, before, weights)
    assert error(patched, after, weights) <= error(patched, before, weights) * (1 + 1e-5)


def test_known_mixtures_are_recovered() -> None:
    # Targets computed with mixtures: from unmixed filters a few rounds come close to them.
    patched, kept = seen(n=2_000), torch.tensor([1, 4])
    weights, right = draw(2 * TAPS + 1, 4), unmixed(kept, 6) + 0.3 * draw(2, 7, seed=3)
    patched = OutputPatches(channels=patched.channels, targets=answer(patched, right, weights))
    mixtures = start = unmixed(kept, 6)
    for _ in range(8):
        mixtures = mix_filters(patched, mixtures, weights)
    assert error(patched, mixtures, weights) < error(patched, start, weights) / 100
    torch.testing.assert_close(mixtures, right, rtol=0.1, atol=0.1)


def test_a_block_without_error_keeps_its_filters() -> None:
    patched, kept = seen(), torch.tensor([3, 1])
    weights = draw(2 * TAPS + 1, 4)
    patched = OutputPatches(channels=patched.channels, targets=answer(patched, unmixed(kept, 6), weights))
    assert_same(mix_filters(patched, unmixed(kept, 6), weights), unmixed(kept, 6), terms=2 * TAPS)


@pytest.mark.parametrize("channels", [torch.zeros(1, TAPS, 4), torch.ones(1, TAPS, 4), draw(1, TAPS, 4)])
def test_one_place_or_channels_without_variance_give_finite_mixtures(channels: torch.Tensor) -> None:
    patched = OutputPatches(channels=channels, targets=torch.ones(1, 2))
    mixtures = mix_filters(patched, unmixed(torch.tensor([0, 1]), 3), torch.zeros(2 * TAPS + 1, 2))
    assert torch.isfinite(mixtures).all()
    assert torch.isfinite(mix_filters(patched, mixtures, draw(2 * TAPS + 1, 2))).all()


def test_mixed_filters_compute_the_mixture_and_normalise_it() -> None:
    x = draw(40, 3, 6, 6)
    tensors = BlockTensors(
        conv1=draw(5, 3, 3, 3),
        norm=NormTensors(gamma=draw(5, seed=1), beta=draw(5, seed=2), mean=draw(5, seed=3),
                         var=draw(5, seed=4).abs() + 0.5, eps=1e-5),
        conv2=draw(4, 5, 3, 3),
    )  # fmt: skip
    weight, bias = tensors.folded()
    channels = torch.nn.functional.conv2d(x, weight, bias, padding=1)
    pixels = torch.arange(36).expand(40, -1)
    patched = OutputPatches.of(patches(channels, pixels), patches(torch.ones(40, 1, 6, 6), pixels), draw(40 * 36, 4))
    mixtures = draw(2, 6, seed=5)
    small = mixed(tensors, tensors.take(torch.tensor([0, 3])), mixtures, patched)
    new_weight, new_bias = small.folded()
    found = torch.nn.functional.conv2d(x, new_weight, new_bias, padding=1)
    wanted = torch.einsum("kc,nchw->nkhw", mixtures[:, :-1], channels) + mixtures[:, -1, None, None]
    assert_same(found, wanted, terms=3 * TAPS, depth=3)
    raw = torch.nn.functional.conv2d(x, small.conv1, padding=1)
    spread, samples = raw.var((0, 2, 3), correction=0), x[:, 0].numel()
    assert_same(raw.mean((0, 2, 3)), small.norm.mean, terms=samples, depth=2, scale=float(spread.sqrt().norm()))
    assert_same(spread, small.norm.var, terms=samples, depth=2)


def test_patches_are_zero_outside_of_the_image_the_constant_too() -> None:
    corner = torch.tensor([[0]])
    rows, inside = (patches(torch.ones(1, count, 4, 4), corner) for count in (2, 1))
    patched = OutputPatches.of(rows, inside, torch.zeros(1, 3))
    assert patched.channels[0].sum(1).tolist() == [0, 0, 0, 0, 3, 3, 0, 3, 3]
