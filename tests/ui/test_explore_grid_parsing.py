"""What is typed for a grid becomes that grid, or a refusal that says why and what to write."""

from __future__ import annotations

import pytest

from roboreg_core.architecture import RESNET20
from roboreg_core.errors import SpecError
from roboreg_core.schedules.schedule import presets
from roboreg_core.sweeps.grid import BLOCKS, LIST, RANDOM, STAGES, source_grid
from roboreg_core.ui.explore import grid_parsing

EVERY = [f"1-{bound}" for bound in RESNET20.bounds]


def test_what_is_written_is_read_as_it_was() -> None:
    for values in ((1,), (4, 8, 12), tuple(range(1, 65)), tuple(range(2, 64, 3)), (1, 2, 3, 5, 8, 13, 21, 34, 55)):
        text = grid_parsing.written(values)
        assert grid_parsing.counts(text, "block 9", 64) == values
        assert len(text) < 40


@pytest.mark.parametrize("text", ["4 8 12", "4,8,12", "4; 8; 12", " 4-12:4 ", "4 - 12 : 4", "4\u201312:4"])
def test_counts_may_be_written_in_many_ways(text: str) -> None:
    assert grid_parsing.counts(text, "stage 1", 16) == (4, 8, 12)


def test_the_source_s_grid() -> None:
    texts = [grid_parsing.written(values) for values in source_grid().values]
    assert grid_parsing.grid(STAGES, texts) == source_grid()


def test_a_list_takes_counts_and_presets() -> None:
    found = grid_parsing.grid(LIST, ["moderate\n\n[2, 2,2, 2,2,2, 2,2,3]\n"])
    assert [schedule.counts for schedule in found.schedules()] == [(2,) * 8 + (3,), presets()["moderate"].counts]


def test_bounds_hold_for_every_draw() -> None:
    drawn = grid_parsing.grid(RANDOM, ["3-5", "4", *EVERY[2:]], n=50, seed=1).schedules()
    assert {schedule.counts[0] for schedule in drawn} == {3, 4, 5}
    assert {schedule.counts[1] for schedule in drawn} == {4}


@pytest.mark.parametrize(
    ("kind", "texts", "why"),
    [
        (BLOCKS, EVERY, "at most 5,000 schedules, got 35,184,372,088,832"),
        (STAGES, ["", "8", "8"], "stage 1 of the grid must have a count, got none"),
        (STAGES, ["12-4", "8", "8"], "stage 1: a range must ascend, got 12-4; write 4-12"),
        (STAGES, ["17", "8", "8"], "stage 1: numbers must be 1..16, got 17"),
        (STAGES, ["half", "8", "8"], "stage 1: numbers must be whole, 1..16, got 'half'"),
        (STAGES, ["\u0664", "8", "8"], "stage 1: numbers must be whole"),
        (STAGES, ["9" * 400, "8", "8"], "stage 1: numbers must be 1..16"),
        (RANDOM, ["9-4", *EVERY[1:]], "lowest count for block 1 must be at most the highest, got 9 and 4"),
        (RANDOM, ["a few", *EVERY[1:]], "block 1: bounds must be two numbers within 1..16"),
        (RANDOM, ["0-4", *EVERY[1:]], "lowest count for block 1 must be an integer 1..16, got 0"),
        (LIST, ["\n\n"], "a list of schedules must contain at least one schedule"),
        (LIST, ["moderate\n1,2,3"], "line 2: a schedule must have 9 filter counts"),
        (LIST, ["moderate\n" * 5_001], "at most 5,000 schedules, got 5,001"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_reason(kind: str, texts: list[str], why: str) -> None:
    with pytest.raises(SpecError) as refused:
        grid_parsing.grid(kind, texts, n=5)
    assert why in str(refused.value)


def test_seeds() -> None:
    assert grid_parsing.seeds("0-4") == (0, 1, 2, 3, 4)
    assert grid_parsing.seeds("3, 1, 3") == (3, 1)
    for text in ("", "0-2147483647", "-1", "0-1000"):
        with pytest.raises(SpecError, match="seeds"):
            grid_parsing.seeds(text)
