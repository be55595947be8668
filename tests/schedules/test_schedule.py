from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.architecture import RESNET20
from roboreg_core.errors import ScheduleError
from roboreg_core.schedules.schedule import Schedule, by_stage, presets

schedules = st.tuples(*(st.integers(1, bound) for bound in RESNET20.bounds)).map(Schedule)


@given(schedules)
def test_text_and_json_give_it_back(schedule: Schedule) -> None:
    assert Schedule.parse(str(schedule)) == schedule
    assert Schedule.from_json(json.loads(json.dumps(schedule.to_json()))) == schedule


@given(schedules, st.integers(1, 9), st.data())
def test_replace_changes_one_block_of_a_copy(schedule: Schedule, block: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, RESNET20.bounds[block - 1]))
    before = schedule.counts
    other = schedule.replace(block, count)
    assert other.counts[block - 1] == count
    assert other.replace(block, before[block - 1]) == schedule
    assert schedule.counts == before


def test_presets() -> None:
    assert presets()["dense"].counts == RESNET20.bounds == (16, 16, 16, 32, 32, 32, 64, 64, 64)
    assert presets()["moderate"] == by_stage((8, 16, 32)) == Schedule((8, 8, 8, 16, 16, 16, 32, 32, 32))
    assert presets()["dense"].is_dense
    assert not presets()["minimal"].is_dense
    for name, preset in presets().items():
        assert Schedule.parse(name) == preset
        assert preset.name == preset.label == name
    other = presets()["dense"].replace(1, 5)
    assert other.name is None
    assert other.label == "5,16,16,32,32,32,64,64,64"


def test_parsing_is_lenient_about_space_and_case() -> None:
    assert Schedule.parse(" Moderate ") == presets()["moderate"]
    assert Schedule.parse("8, 8 8,16,16,16\n32 32,32") == presets()["moderate"]


def test_it_is_a_value() -> None:
    assert {presets()["quarter"]: 1}[by_stage((4, 8, 16))] == 1
    assert Schedule(list(RESNET20.bounds)) == presets()["dense"]  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        presets()["dense"].counts = RESNET20.bounds  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8,8,40,16,16,16,32,32,32", "filter count for block 3 must be 1..16, got 40"),
        ("0,8,8,16,16,16,32,32,32", "filter count for block 1 must be 1..16, got 0"),
        ("8,8,8,16,16,16,32,32,65", "filter count for block 9 must be 1..64, got 65"),
        ("8,8,8", "got 3: block 4 has none"),
        ("", "got 0: block 1 has none"),
        ("8,8,8,16,16,16,32,32,32,1", "got 10: block 10 does not exist"),
        ("8,8,8", "must have 9 filter counts (blocks 1-3: 1..16; blocks 4-6: 1..32; blocks 7-9: 1..64)"),
        ("8,eight,8,16,16,16,32,32,32", "filter count for block 2 must be an integer 1..16, got 'eight'"),
        ("tiny", "name a preset: dense, minimal, three-quarters, moderate, quarter, aggressive"),
    ],
)
def test_parse_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        Schedule.parse(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [None, "dense", {"clusters": []}, [8.0] * 9, [True] * 9, ["8"] * 9, [None] * 9, [8] * 8, [[8]] * 9],
    ids=repr,
)
def test_json_is_validated(value: object) -> None:
    with pytest.raises(ScheduleError):
        Schedule.from_json(value)


@pytest.mark.parametrize("block", [0, 10, -1])
def test_replace_refuses_a_block_that_is_not_there(block: int) -> None:
    with pytest.raises(ScheduleError, match=r"block must be 1\.\.9"):
        presets()["dense"].replace(block, 1)


def test_shared_blocks_are_the_first_equal_counts() -> None:
    moderate = presets()["moderate"]
    assert moderate.shared_blocks(moderate) == len(RESNET20.bounds)
    for block in range(1, len(RESNET20.bounds) + 1):
        other = moderate.replace(block, 1)
        assert moderate.shared_blocks(other) == other.shared_blocks(moderate) == block - 1
