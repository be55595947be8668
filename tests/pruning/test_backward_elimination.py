"""Channels are chosen as a search over whole subsets, each fitted anew, would choose them."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.pruning.backward_elimination import CANDIDATES, eliminate, exchange
from roboreg_core.pruning.least_squares import RIDGE, TAPS, Moments, channel_rows, error, moments, ridge

CHANNELS = 6


def problem(seed: int, channels: int = CHANNELS) -> Moments:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(400, channels * TAPS, generator=generator)
    # Channels that tell much the same, so that which of them stay depends on the others.
    inputs[:, TAPS:] += inputs[:, :-TAPS]
    weights = torch.randn(channels * TAPS, 3, generator=generator)
    return moments([(inputs, inputs @ weights + 0.5 + torch.randn(400, 3, generator=generator))])


def nothing(of: Moments) -> torch.Tensor:
    return torch.zeros_like(of.cross)


def subset_error(of: Moments, kept: torch.Tensor | list[int]) -> float:
    part = of.take(channel_rows(torch.as_tensor(kept)))
    return error(part, ridge(part, nothing(part)))


@given(st.integers(0, 1_000), st.integers(1, CHANNELS))
def test_exchange_never_makes_it_worse_and_keeps_as_many(seed: int, k: int) -> None:
    of = problem(seed)
    kept = eliminate(of, nothing(of), k)
    swapped = exchange(of, nothing(of), kept).kept
    assert len(kept) == k
    assert swapped.tolist() == sorted(set(swapped.tolist()))
    assert len(swapped) == k
    assert subset_error(of, swapped) <= subset_error(of, kept) * (1 + 10 * RIDGE)


def test_the_first_to_leave_is_the_cheapest_one() -> None:
    of = problem(2)
    costs = [subset_error(of, [each for each in range(CHANNELS) if each != one]) for one in range(CHANNELS)]
    assert int(torch.tensor(costs).argmin()) not in eliminate(of, nothing(of), CHANNELS - 1)


@given(st.integers(0, 1_000), st.integers(1, CHANNELS - 1))
def test_behind_an_exchange_no_swap_with_the_best_candidates_is_left(seed: int, k: int) -> None:
    of = problem(seed)
    worst = max(itertools.combinations(range(CHANNELS), k), key=lambda subset: subset_error(of, list(subset)))
    kept, regrets = exchange(of, nothing(of), torch.tensor(worst))
    reached = subset_error(of, kept)
    for candidate in regrets.argsort(descending=True)[: min(CANDIDATES, CHANNELS - k)].tolist():
        swaps = [[*(each for each in kept.tolist() if each != leaves), candidate] for leaves in kept.tolist()]
        assert min(subset_error(of, swap) for swap in swaps) >= reached * (1 - 10 * RIDGE)


def test_an_exchange_finds_what_a_bad_choice_missed() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(400, CHANNELS * TAPS, generator=generator)
    rows = channel_rows(torch.tensor([1, 4]))
    of = moments([(inputs, inputs[:, rows] @ torch.randn(len(rows), 3, generator=generator))])
    assert exchange(of, nothing(of), torch.tensor([0, 5])).kept.tolist() == [1, 4]


def test_a_regret_is_how_much_the_error_falls() -> None:
    of = problem(0)
    kept, regrets = exchange(of, nothing(of), torch.tensor([0, 2, 5]))
    variance = float((of.energy - of.cross[-1].square()).sum())
    assert regrets[kept].tolist() == [0, 0, 0]
    for other in set(range(CHANNELS)) - set(kept.tolist()):
        falls = subset_error(of, kept) - subset_error(of, [*kept.tolist(), other])
        assert float(regrets[other]) == pytest.approx(falls / variance, rel=2e-2)


def test_where_all_stay_nothing_is_lost() -> None:
    of = problem(0)
    kept, regrets = exchange(of, nothing(of), torch.arange(CHANNELS))
    assert kept.tolist() == list(range(CHANNELS))
    assert regrets.tolist() == [0] * CHANNELS


def test_every_cluster_keeps_one() -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 2])
    of = problem(3)
    kept = eliminate(of, nothing(of), 3, labels)
    assert labels[kept].tolist() == [0, 1, 2]
