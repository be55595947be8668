from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import ScheduleError
from roboreg_core.schedules.editing import (
    MAX_UNDO,
    SCALES,
    EditedSchedule,
    EditHistory,
    changed_blocks,
    named_blocks,
    step_words,
)
from roboreg_core.schedules.schedule import Schedule, presets
from tests.schedules.test_schedule import schedules

blocks = st.integers(1, 9)
edited_schedules = st.builds(
    EditedSchedule, schedule=schedules, locked=st.frozensets(blocks), linked=st.frozensets(st.integers(1, 3))
)
scales = st.floats(*SCALES)
MODERATE = EditedSchedule(schedule=presets()["moderate"])


@st.composite
def moves(draw: st.DrawFn) -> tuple[int, int]:
    block = draw(blocks)
    return block, draw(st.integers(1, RESNET20.bounds[block - 1]))


steps = st.one_of(
    moves().map(lambda edit: lambda edited: edited.set_count(*edit)),
    scales.map(lambda percent: lambda edited: edited.scale(percent)),
    schedules.map(lambda schedule: lambda edited: edited.set_unlocked(schedule)),
    schedules.map(lambda schedule: lambda edited: edited.open(schedule)),
    blocks.map(lambda block: lambda edited: edited.toggle_lock(block)),
    st.integers(1, 3).map(lambda stage: lambda edited: edited.toggle_link(stage)),
)


@given(edited_schedules, moves(), scales, schedules)
def test_a_locked_block_stays_whatever_moves(
    edited: EditedSchedule, edit: tuple[int, int], percent: float, other: Schedule
) -> None:
    for changed in (edited.set_count(*edit), edited.scale(percent), edited.set_unlocked(other)):
        assert changed.locked == edited.locked
        for block in edited.locked:
            assert changed.schedule.counts[block - 1] == edited.schedule.counts[block - 1]


@given(edited_schedules, moves())
def test_a_linked_stage_moves_by_the_same_count_as_far_as_there_is_room(
    edited: EditedSchedule, edit: tuple[int, int]
) -> None:
    block, count = edit
    after = edited.set_count(block, count)
    if block in edited.locked:
        assert after == edited
        return
    assert after.schedule.counts[block - 1] == count
    step = count - edited.schedule.counts[block - 1]
    for other in set(range(1, 10)) - {block}:
        before, now = (each.schedule.counts[other - 1] for each in (edited, after))
        moves_too = RESNET20.stage_of(other) == RESNET20.stage_of(block) and RESNET20.stage_of(block) in edited.linked
        if moves_too and other not in edited.locked:
            assert now == min(max(before + step, 1), RESNET20.bounds[other - 1])
        else:
            assert now == before


@given(schedules, moves())
def test_equal_blocks_of_a_linked_stage_stay_equal(schedule: Schedule, edit: tuple[int, int]) -> None:
    block, count = edit
    stage = RESNET20.stage_of(block)
    level = MODERATE.open(schedule)
    for other in RESNET20.blocks_of(stage):
        level = level.set_count(other, schedule.counts[block - 1])
    after = level.toggle_link(stage).set_count(block, count)
    assert {after.schedule.counts[other - 1] for other in RESNET20.blocks_of(stage)} == {count}


@given(edited_schedules, scales, scales)
def test_scaling_stays_within_bounds_and_keeps_the_order(edited: EditedSchedule, one: float, other: float) -> None:
    less, more = (edited.scale(percent).schedule for percent in sorted((one, other)))
    for low, high, bound in zip(less, more, RESNET20.bounds, strict=True):
        assert 1 <= low <= high <= bound
    assert edited.scale(100) == edited


def test_scaling_halves_and_rounds_up_at_half() -> None:
    assert MODERATE.scale(50).schedule == presets()["quarter"]
    edited = MODERATE.open(Schedule((1, 3, 5, 7, 9, 11, 13, 64, 2)))
    assert edited.scale(50).schedule.to_json() == [1, 2, 3, 4, 5, 6, 7, 32, 1]
    assert edited.scale(1).schedule.to_json() == [1] * 9
    assert edited.scale(400).schedule.to_json() == [4, 12, 16, 28, 32, 32, 52, 64, 8]


@pytest.mark.parametrize("percent", [0, -5, 400.5, float("nan"), float("inf")])
def test_a_scale_out_of_bounds_is_refused(percent: float) -> None:
    with pytest.raises(ScheduleError, match="a scale must be 1 to 400 %, got"):
        MODERATE.scale(percent)


@pytest.mark.parametrize("block", [0, 10])
def test_what_is_not_there_is_refused(block: int) -> None:
    with pytest.raises(ScheduleError, match=r"block must be 1\.\.9"):
        MODERATE.toggle_lock(block)
    with pytest.raises(ScheduleError, match=r"block must be 1\.\.9"):
        MODERATE.set_count(block, 1)
    with pytest.raises(ScheduleError, match=r"stage must be 1\.\.3"):
        MODERATE.toggle_link(block)


@given(edited_schedules, schedules)
def test_opening_gives_exactly_the_schedule_and_unlocks_what_it_changes(
    edited: EditedSchedule, schedule: Schedule
) -> None:
    opened = edited.open(schedule)
    assert opened.schedule == schedule
    assert opened.linked == edited.linked
    assert edited.locked - opened.locked == set(edited.locked_differences(schedule))
    assert opened.locked_differences(schedule) == []


@given(edited_schedules, blocks, st.integers(1, 3))
def test_toggling_twice_changes_nothing(edited: EditedSchedule, block: int, stage: int) -> None:
    assert edited.toggle_lock(block) != edited
    assert edited.toggle_lock(block).toggle_lock(block) == edited
    assert edited.toggle_link(stage).toggle_link(stage) == edited
    assert edited.unlock().locked == frozenset()


@given(edited_schedules, st.lists(steps, max_size=12))
def test_undo_takes_back_and_redo_does_again(edited: EditedSchedule, changes: list) -> None:
    history = EditHistory(now=edited)
    for change in changes:
        done = history.apply(change(history.now))
        if done.now == history.now:
            assert done is history
        else:
            assert done.undo().now == history.now
            assert done.undo().past == history.past
            assert done.undo().redo() == done
            assert done.future == ()
        history = done
    back = history
    while back.past:
        back = back.undo()
    assert back.now == edited
    assert back.undo() is back
    while back.future:
        back = back.redo()
    assert back == history
    assert back.redo() is back


def test_the_history_is_long_and_ends() -> None:
    history = EditHistory(now=MODERATE)
    for step in range(MAX_UNDO + 30):
        history = history.apply(history.now.set_count(9, 1 + step % 2))
    assert len(history.past) == MAX_UNDO >= 50


@given(edited_schedules, steps)
def test_what_changed_is_named(edited: EditedSchedule, change) -> None:
    after = change(edited)
    named = changed_blocks(edited, after)
    assert named == changed_blocks(after, edited)
    if edited != after:
        words = step_words(edited, after)
        assert all(str(block) in words or words.endswith("all blocks") for block in named)


def test_steps_in_words() -> None:
    assert step_words(MODERATE, MODERATE.set_count(3, 5)) == "block 3 from 8 to 5"
    assert step_words(MODERATE, MODERATE.toggle_link(1).set_count(3, 5)) == "blocks 1, 2 and 3"
    assert step_words(MODERATE, MODERATE.scale(50)) == "all blocks"
    assert step_words(MODERATE, MODERATE.toggle_lock(2)) == "lock of block 2"
    assert step_words(MODERATE, MODERATE.toggle_link(2)) == "link of stage 2"
    assert named_blocks([4, 9], 9) == "blocks 4 and 9"


@given(st.data())
def test_a_scaled_stage_has_the_mean_that_was_set(data: st.DataObject) -> None:
    architecture = Architecture(depth=6 * data.draw(st.integers(1, 6)) + 2)
    counts = data.draw(st.tuples(*(st.integers(1, bound) for bound in architecture.bounds)))
    edited = EditedSchedule(schedule=Schedule(counts, architecture))
    stage = data.draw(st.integers(1, 3))
    mean = data.draw(st.integers(1, architecture.stage_widths[stage - 1]))
    scaled = edited.scale_stage(stage, mean)
    assert scaled.stage_mean(stage) == mean
    inside = slice(architecture.blocks_of(stage)[0] - 1, architecture.blocks_of(stage)[-1])
    before, after = counts[inside], scaled.schedule.counts[inside]
    assert all(a <= b for (_, a), (_, b) in itertools.pairwise(sorted(zip(before, after, strict=True))))
    outside = [block - 1 for block in architecture.blocks if architecture.stage_of(block) != stage]
    assert all(scaled.schedule.counts[block] == counts[block] for block in outside)
    assert edited.scale_stage(stage, edited.stage_mean(stage)) == edited


def test_no_block_exceeds_the_filters_of_a_pruned_network() -> None:
    quarter = presets()["quarter"]
    edited = EditedSchedule(schedule=quarter, limit=quarter).scale(50)
    assert edited.scale(400).schedule == quarter
    assert edited.set_unlocked(presets()["dense"]).schedule == quarter
    assert edited.scale_stage(1, edited.stage_bound(1)).schedule.counts[:3] == quarter.counts[:3]
    assert edited.toggle_link(1).set_count(1, 4).schedule.counts[:3] == quarter.counts[:3]
    for change in (lambda: edited.set_count(1, 5), lambda: edited.scale_stage(1, 5)):
        with pytest.raises(ScheduleError, match=r"1\.\.4, .*got 5|1\.\.4, got 5"):
            change()
