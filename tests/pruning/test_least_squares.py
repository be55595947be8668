import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.pruning.least_squares import (
    RIDGE,
    TAPS,
    Moments,
    error,
    gram_bands,
    gram_of,
    ridge,
    second_moments,
)
from roboreg_core.pruning.patches import draw_pixels, patches, pixel_values
from tests.tolerance import assert_same


def problem(channels: int = 5, targets: int = 3, n: int = 400, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, channels * TAPS, generator=generator)
    weights = torch.randn(channels * TAPS, targets, generator=generator)
    return inputs, inputs @ weights + 0.5 + torch.randn(n, targets, generator=generator)


def zero_prior(of: Moments) -> torch.Tensor:
    return torch.zeros_like(of.cross)


def test_moments_are_means_with_a_constant_and_do_not_depend_on_the_parts() -> None:
    inputs, targets = problem()
    whole = second_moments([(inputs, targets)])
    parts = second_moments(zip(inputs.split(150), targets.split(150), strict=True))
    with_one = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1).double()
    rounded = {"terms": len(inputs), "dtype": inputs.dtype}
    assert_same(whole.gram, with_one.T @ with_one / len(inputs), **rounded)
    assert_same(whole.cross, with_one.T @ targets.double() / len(inputs), **rounded)
    assert_same(parts.gram, whole.gram, **rounded)


def test_bands_make_the_whole_gram_matrix() -> None:
    for size in (1, 2, 3, 7, 45):
        rows = torch.randn(20, size, generator=torch.Generator().manual_seed(size))
        assert_same(gram_of(gram_bands(rows)), rows.T @ rows, terms=len(rows))


def test_ridge_finds_the_least_squares_weights() -> None:
    inputs, targets = problem(n=4_000)
    of = second_moments([(inputs, targets)])
    with_one = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    best = torch.linalg.lstsq(with_one.double(), targets.double()).solution
    # The ridge moves each direction by its share of that direction's variance.
    pull = RIDGE * float(of.gram.diagonal().mean() / torch.linalg.eigvalsh(of.gram)[0])
    assert float((ridge(of, zero_prior(of)) - best).norm()) <= pull * float(best.norm())
    direct = float((with_one.double() @ best - targets).square().mean(0).sum())
    assert_same(error(of, best), direct, terms=len(inputs), dtype=inputs.dtype, scale=float(of.energy.norm()))


@given(st.integers(0, 50), st.floats(0.1, 10))
def test_ridge_is_never_worse_than_its_prior(seed: int, size: float) -> None:
    of = second_moments([problem(seed=seed, n=60)])
    start = torch.randn(of.cross.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * size
    assert error(of, ridge(of, start)) <= error(of, start) + 1e-9


def test_undetermined_weights_keep_their_prior() -> None:
    inputs, targets = problem(n=3)
    of = second_moments([(torch.zeros_like(inputs), targets)])
    start = torch.randn(of.cross.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(ridge(of, start)[:-1], start[:-1])


@pytest.mark.parametrize("stride", [1, 2])
def test_patches_times_weights_is_the_convolution(stride: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(3, 4, 8, 8, generator=generator), torch.randn(5, 4, 3, 3, generator=generator)
    pixels = draw_pixels(3, 8 // stride, 6, generator)
    expected = pixel_values(F.conv2d(x, weight, stride=stride, padding=1), pixels)
    rows = patches(x, pixels, stride)
    # Tap by tap: (9, channels), not (channels, 9).
    assert_same(rows @ weight.flatten(2).permute(2, 1, 0).reshape(36, 5), expected, terms=rows.shape[1])
    of = second_moments([(rows, expected)]).by_channel()
    answers = of.gram[:-1, :-1] @ weight.flatten(1).T.double()
    assert_same(of.cross[:-1], answers, terms=len(rows), depth=2, dtype=rows.dtype)


def test_pixels_are_different_and_all_of_a_small_map() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = draw_pixels(4, 8, 10, generator)
    assert pixels.shape == (4, 10)
    assert all(len(row.unique()) == 10 for row in pixels)
    assert draw_pixels(2, 4, 16, generator).tolist() == [list(range(16))] * 2


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("channels", "size"), [(1, 4), (5, 8)])
def test_patches_are_the_windows_of_unfold(stride: int, channels: int, size: int) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, channels, size, size, generator=generator)
    pixels = draw_pixels(3, size // stride, 100, generator)  # all of them: every edge and corner
    windows = F.unfold(x, 3, padding=1, stride=stride).view(3, channels, TAPS, -1)
    expected = windows.permute(0, 3, 2, 1)[torch.arange(3)[:, None], pixels]
    assert torch.equal(patches(x, pixels, stride), expected.reshape(-1, TAPS * channels))
