"""Selected channels are those of a search over subsets that are each fitted again."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.pruning.backward_elimination import CANDIDATES, BackwardElimination, exchange
from roboreg_core.pruning.least_squares import RIDGE, TAPS, Moments, channel_rows, error, ridge, second_moments

CHANNELS = 6


def problem(seed: int, channels: int = CHANNELS) -> Moments:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(400, channels * TAPS, generator=generator)
    # Correlated channels, so that the best subset depends on all of its members.
    inputs[:, TAPS:] += inputs[:, :-TAPS]
    weights = torch.randn(channels * TAPS, 3, generator=generator)
    return second_moments([(inputs, inputs @ weights + 0.5 + torch.randn(400, 3, generator=generator))])


def zero_prior(of: Moments) -> torch.Tensor:
    return torch.zeros_like(of.cross)


def subset_error(of: Moments, kept: torch.Tensor | list[int]) -> float:
    part = of.take(channel_rows(torch.as_tensor(kept)))
    return error(part, ridge(part, zero_prior(part)))


@given(st.integers(0, 1_000), st.integers(1, CHANNELS))
def test_exchange_never_makes_it_worse_and_keeps_as_many(seed: int, k: int) -> None:
    of = problem(seed)
    kept = BackwardElimination(of, zero_prior(of)).down_to(k)
    swapped = exchange(of, zero_prior(of), kept).kept
    assert len(kept) == k
    assert swapped.tolist() == sorted(set(swapped.tolist()))
    assert len(swapped) == k
    assert subset_error(of, swapped) <= subset_error(of, kept) * (1 + 10 * RIDGE)


def test_the_first_dropped_channel_is_the_cheapest() -> None:
    of = problem(2)
    costs = [subset_error(of, [each for each in range(CHANNELS) if each != one]) for one in range(CHANNELS)]
    assert int(torch.tensor(costs).argmin()) not in BackwardElimination(of, zero_prior(of)).down_to(CHANNELS - 1)


@given(st.integers(0, 1_000), st.integers(1, CHANNELS - 1))
def test_after_an_exchange_no_swap_with_the_best_candidates_lowers_the_error(seed: int, k: int) -> None:
    of = problem(seed)
    worst = max(itertools.combinations(range(CHANNELS), k), key=lambda subset: subset_error(of, list(subset)))
    kept, gains = exchange(of, zero_prior(of), torch.tensor(worst))
    reached = subset_error(of, kept)
    for candidate in gains.argsort(descending=True)[: min(CANDIDATES, CHANNELS - k)].tolist():
        swaps = [[*(each for each in kept.tolist() if each != leaves), candidate] for leaves in kept.tolist()]
        assert min(subset_error(of, swap) for swap in swaps) >= reached * (1 - 10 * RIDGE)


def test_an_exchange_finds_what_a_bad_choice_missed() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, CHANNELS * TAPS, generator=generator)
    rows = channel_rows(torch.tensor([1, 4]))
    of = second_moments([(inputs, inputs[:, rows] @ torch.randn(len(rows), 3, generator=generator))])
    assert exchange(of, zero_prior(of), torch.tensor([0, 5])).kept.tolist() == [1, 4]


def test_a_marginal_gain_is_the_decrease_of_the_error() -> None:
    of = problem(0)
    kept, gains = exchange(of, zero_prior(of), torch.tensor([0, 2, 5]))
    variance = float((of.energy - of.cross[-1].square()).sum())
    assert gains[kept].tolist() == [0, 0, 0]
    for other in set(range(CHANNELS)) - set(kept.tolist()):
        falls = subset_error(of, kept) - subset_error(of, [*kept.tolist(), other])
        assert float(gains[other]) == pytest.approx(falls / variance, rel=2e-2)


def test_with_all_channels_kept_marginal_gains_are_zero() -> None:
    of = problem(0)
    kept, gains = exchange(of, zero_prior(of), torch.arange(CHANNELS))
    assert kept.tolist() == list(range(CHANNELS))
    assert gains.tolist() == [0] * CHANNELS


def test_every_cluster_keeps_one() -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 2])
    of = problem(3)
    kept = BackwardElimination(of, zero_prior(of), labels).down_to(3)
    assert labels[kept].tolist() == [0, 1, 2]
