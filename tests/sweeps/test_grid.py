"""Grids: their schedules, and invalid ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import RoboRegError, SpecError
from roboreg_core.schedules.schedule import by_stage, presets
from roboreg_core.sweeps.grid import MAX_SCHEDULES, RANDOM, Grid, of_schedules, source_grid
from tests.architectures import architectures

BETWEEN = tuple((1, bound) for bound in RESNET20.bounds)


def test_the_source_projects_study_has_27_schedules() -> None:
    schedules = source_grid().schedules()
    assert len(schedules) == source_grid().size == 27
    assert set(schedules) == {by_stage((4 * i, 8 * j, 16 * k)) for i in (1, 2, 3) for j in (1, 2, 3) for k in (1, 2, 3)}


@pytest.mark.parametrize(
    "grid",
    [
        source_grid(),
        Grid(kind="blocks", values=((16, 8, 8), *((bound,) for bound in RESNET20.bounds[1:]))),
        of_schedules([presets()["moderate"], presets()["aggressive"], presets()["moderate"]]),
        Grid(kind="random", values=BETWEEN, n=20, seed=3),
    ],
    ids=lambda grid: grid.kind,
)
def test_schedules_come_once_in_order_and_survive_json(grid: Grid) -> None:
    schedules = [schedule.counts for schedule in grid.schedules()]
    assert schedules == sorted(set(schedules))
    assert len(schedules) == grid.size
    assert Grid.from_json(grid.to_json()) == grid


def test_random_schedules_depend_on_the_seed_alone_and_keep_to_their_bounds() -> None:
    bounds = ((2, 3),) * 3 + ((5, 5),) * 3 + ((60, 64),) * 3
    first, again, other = (Grid(kind="random", values=bounds, n=30, seed=seed).schedules() for seed in (1, 1, 2))
    assert first == again != other
    assert all(low <= count <= high for each in first for count, (low, high) in zip(each, bounds, strict=True))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"kind": "blocks", "values": tuple(tuple(range(1, bound + 1)) for bound in RESNET20.bounds)},
            f"{MAX_SCHEDULES:,}",
        ),
        ({"kind": "random", "values": BETWEEN, "n": 1_000_000}, "1,000,000"),
        ({"kind": "random", "values": BETWEEN, "n": 0}, "at least 1"),
        (
            {"kind": "random", "values": ((9, 3), *BETWEEN[1:]), "n": 4},
            "block 1 must be at most the highest, got 9 and",
        ),
        ({"kind": "random", "values": ((0, 3), *BETWEEN[1:]), "n": 4}, "1..16, got 0"),
        ({"kind": "stages", "values": ((4,), (), (8,))}, "stage 2 of the grid must have a count"),
        ({"kind": "stages", "values": ((4,), (33,), (8,))}, "1..32, got 33"),
        ({"kind": "blocks", "values": ((4,),)}, "9 lists"),
        ({"kind": "list", "values": ()}, "none"),
        ({"kind": "list", "values": ((1, 2, 3),)}, "9 filter counts"),
        ({"kind": "circle", "values": ()}, "stages, blocks, list, random"),
    ],
)
def test_invalid_grids_are_refused(how: dict[str, Any], said: str) -> None:
    with pytest.raises(RoboRegError, match=said.replace("(", r"\(")):
        Grid(**how)


def test_a_spec_error_is_what_is_raised_for_bounds() -> None:
    with pytest.raises(SpecError):
        Grid(kind="random", values=((9, 3), *BETWEEN[1:]), n=4)


@given(architectures(max_depth=56))
def test_grids_of_other_architectures(architecture: Architecture) -> None:
    bounds = tuple((1, bound) for bound in architecture.bounds)
    grids = [source_grid(architecture), of_schedules(list(presets(architecture).values()))]
    grids.append(Grid(kind=RANDOM, values=bounds, n=5, architecture=architecture))
    for grid in grids:
        assert Grid.from_json(grid.to_json()) == grid
        assert {schedule.architecture for schedule in grid.schedules()} == {architecture}
        assert len(grid.schedules()) <= grid.size
    assert ("architecture" in grids[0].to_json()) == (architecture != RESNET20)


def test_a_list_is_for_one_architecture() -> None:
    several = [presets()["moderate"], presets(Architecture(depth=32))["moderate"]]
    with pytest.raises(SpecError, match="must be for one architecture, got ResNet-20, ResNet-32"):
        of_schedules(several)
