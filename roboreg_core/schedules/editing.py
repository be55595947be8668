"""Interactive editing of a schedule: locked blocks, linked stages, and an undo history. All values are immutable."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from roboreg_core.errors import ScheduleError
from roboreg_core.schedules.schedule import Schedule

SCALES = (1, 400)
# Longest undo history, at a few hundred bytes per step.
MAX_UNDO = 200


@dataclass(frozen=True, kw_only=True)
class EditedSchedule:
    """A schedule being edited.

    Attributes:
        schedule: filters kept per block.
        locked: blocks (numbered from 1) that keep their counts until unlocked or `open` is called.
        linked: stages (numbered from 1) whose blocks change by the same amount.
        limit: most filters per block, those of a network that is pruned already; None for the dense network's.
    """

    schedule: Schedule
    limit: Schedule | None = None
    locked: frozenset[int] = frozenset()
    linked: frozenset[int] = frozenset()

    @property
    def most(self) -> Schedule:
        """The schedule that keeps all filters of the network."""
        return self.limit or self.schedule.dense

    def set_count(self, block: int, count: int) -> EditedSchedule:
        """Copy with another count of `block`.

        In a linked stage the other blocks change by the same amount, within their bounds. Nothing
        changes if `block` is locked.

        Raises `ScheduleError`: the block or count is out of bounds.
        """
        moved = self.schedule.replace(block, count)
        moved.check_within(self.most)
        step = count - self.schedule.counts[block - 1]
        if block in self.locked:
            return self
        architecture = self.schedule.architecture
        stage = architecture.stage_of(block)
        if stage not in self.linked:
            return replace(self, schedule=moved)
        others = set(architecture.blocks_of(stage)) - {block}
        return replace(self, schedule=moved)._changed(lambda each, now: now + step if each in others else now)

    def set_unlocked(self, schedule: Schedule) -> EditedSchedule:
        """Set all unlocked blocks to their counts in `schedule`, which must be of the same architecture."""
        return self._changed(lambda block, _: schedule.counts[block - 1])

    def locked_differences(self, schedule: Schedule) -> list[int]:
        """Locked blocks, ascending, whose counts differ from `schedule`."""
        return [block for block in sorted(self.locked) if self.schedule.counts[block - 1] != schedule.counts[block - 1]]

    def open(self, schedule: Schedule) -> EditedSchedule:
        """Replace the schedule; unlock the blocks that change, or clear locks and links for another architecture."""
        if schedule.architecture != self.schedule.architecture:
            return EditedSchedule(schedule=schedule)
        return replace(self, schedule=schedule, locked=self.locked - set(self.locked_differences(schedule)))

    def scale(self, percent: float) -> EditedSchedule:
        """Multiply the counts of unlocked blocks by `percent` / 100, rounded, within their bounds.

        Raises `ScheduleError`: `percent` is not within `SCALES`.
        """
        if not SCALES[0] <= percent <= SCALES[1]:
            raise ScheduleError(f"a scale must be {SCALES[0]} to {SCALES[1]} %, got {percent:g}")
        # Round half up; Python's round goes to even.
        return self._changed(lambda _, count: int(count * percent / 100 + 0.5))

    def stage_mean(self, stage: int) -> int:
        """Mean number of filters kept per block of a stage (from 1), rounded half up."""
        return _rounded_mean([self.schedule.counts[block - 1] for block in self.schedule.architecture.blocks_of(stage)])

    def stage_bound(self, stage: int) -> int:
        """Largest `stage_mean` of a stage (from 1)."""
        return _rounded_mean([self.most.counts[block - 1] for block in self.schedule.architecture.blocks_of(stage)])

    def scale_stage(self, stage: int, mean: int) -> EditedSchedule:
        """Multiply the unlocked counts of a stage by one factor, rounded, so that their `stage_mean` is `mean`.

        If locked blocks make that mean impossible, it becomes the next smaller possible one, or else the smallest.

        Raises `ScheduleError`: `mean` is out of bounds.
        """
        blocks = self.schedule.architecture.blocks_of(stage)
        bound = self.stage_bound(stage)
        if not 1 <= mean <= bound:
            raise ScheduleError(f"mean filter count for stage {stage} must be 1..{bound}, got {mean}")
        free = {self.schedule.counts[block - 1] for block in blocks if block not in self.locked}
        if not free:
            return self

        def scaled(factor: float) -> EditedSchedule:
            # A factor is where a count rounds up: the term decides ties.
            return self._changed(lambda block, now: int(now * factor + 0.5 + 1e-9) if block in blocks else now)

        # The counts change at these factors only, and their mean grows with the factor.
        factors = sorted({(kept - 0.5) / count for count in free for kept in range(1, bound + 1)})
        first = bisect_left(factors, mean, key=lambda factor: scaled(factor).stage_mean(stage))
        beyond = bisect_right(factors, mean, key=lambda factor: scaled(factor).stage_mean(stage))
        proportional = bisect_right(factors, mean / self.stage_mean(stage)) - 1
        return scaled(factors[max(0, min(max(proportional, first), beyond - 1))])

    def toggle_lock(self, block: int) -> EditedSchedule:
        """Lock or unlock a block (from 1). Raises `ScheduleError`: there is no such block."""
        return replace(self, locked=self.locked ^ {_checked(block, self.schedule.architecture.blocks, "block")})

    def unlock(self) -> EditedSchedule:
        """Unlock all blocks."""
        return replace(self, locked=frozenset())

    def toggle_link(self, stage: int) -> EditedSchedule:
        """Link or unlink the blocks of a stage (from 1). Raises `ScheduleError`: there is no such stage."""
        return replace(self, linked=self.linked ^ {_checked(stage, self.schedule.architecture.stages, "stage")})

    def _changed(self, change: Callable[[int, int], int]) -> EditedSchedule:
        """Apply `change(block, count)` to every unlocked block, clipped to its bounds."""
        counts = (
            count if block in self.locked else min(max(change(block, count), 1), bound)
            for block, (count, bound) in enumerate(zip(self.schedule, self.most, strict=True), start=1)
        )
        return replace(self, schedule=replace(self.schedule, counts=tuple(counts)))


@dataclass(frozen=True, kw_only=True)
class EditHistory:
    """Undo history. Locks and links are steps too.

    Attributes:
        now: current state.
        past: earlier states, oldest first, at most `MAX_UNDO`.
        future: undone states, next first.
    """

    now: EditedSchedule
    past: tuple[EditedSchedule, ...] = field(default=(), repr=False)
    future: tuple[EditedSchedule, ...] = field(default=(), repr=False)

    def apply(self, edited: EditedSchedule) -> EditHistory:
        """Make `edited` the current state and drop the undone ones; return `self` if nothing changes."""
        if edited == self.now:
            return self
        return EditHistory(now=edited, past=(*self.past, self.now)[-MAX_UNDO:])

    def undo(self) -> EditHistory:
        """Go one step back; return `self` if there is no earlier state."""
        if not self.past:
            return self
        return EditHistory(now=self.past[-1], past=self.past[:-1], future=(self.now, *self.future))

    def redo(self) -> EditHistory:
        """Go one step forward; return `self` if no state was undone."""
        if not self.future:
            return self
        return EditHistory(now=self.future[0], past=(*self.past, self.now), future=self.future[1:])


def _rounded_mean(counts: list[int]) -> int:
    return (2 * sum(counts) + len(counts)) // (2 * len(counts))


def changed_blocks(before: EditedSchedule, after: EditedSchedule) -> list[int]:
    """Blocks (numbered from 1), ascending, whose count or lock differs."""
    counts = (a != b for a, b in zip(before.schedule, after.schedule, strict=True))
    locks = before.locked ^ after.locked
    return [block for block, differs in enumerate(counts, start=1) if differs or block in locks]


def step_words(before: EditedSchedule, after: EditedSchedule) -> str:
    """Text for the change of one edit, e.g. `block 3 from 8 to 5`, `blocks 1, 2 and 3`, `lock of block 3`."""
    pairs = zip(before.schedule, after.schedule, strict=True)
    changed = [(block, a, b) for block, (a, b) in enumerate(pairs, start=1) if a != b]
    if len(changed) == 1:
        return "block {} from {} to {}".format(*changed[0])
    if changed:
        return named_blocks((block for block, _, _ in changed), len(after.schedule.counts))
    if before.locked != after.locked:
        return f"lock of {named_blocks(sorted(before.locked ^ after.locked), len(after.schedule.counts))}"
    return f"link of stage {', '.join(map(str, sorted(before.linked ^ after.linked)))}"


def named_blocks(blocks: Iterable[int], n_blocks: int) -> str:
    """Text for some blocks of a network with `n_blocks`: `block 3`, `blocks 1, 2 and 3`, `all blocks`."""
    first, *rest = (names := [str(block) for block in blocks])
    if len(names) == n_blocks:
        return "all blocks"
    return f"blocks {', '.join(names[:-1])} and {rest[-1]}" if rest else f"block {first}"


def _checked(number: int, known: range, name: str) -> int:
    if number not in known:
        raise ScheduleError(f"{name} must be 1..{known[-1]}, got {number}")
    return number
