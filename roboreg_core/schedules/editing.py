"""A sketch: a schedule that is worked on, which of its blocks are locked, which stages move as one, and its history.

Values only: each change gives another sketch. A locked block keeps its count whatever moves, until it is unlocked or a
schedule is opened as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from roboreg_core.errors import ScheduleError
from roboreg_core.schedules.schedule import BLOCKS_PER_STAGE, BOUNDS, N_BLOCKS, STAGE_WIDTHS, Schedule

N_STAGES = len(STAGE_WIDTHS)
SCALES = (1, 400)
# Steps that can be taken back; more than anyone will, and a few hundred bytes each.
LONGEST = 200


@dataclass(frozen=True, kw_only=True)
class EditedSchedule:
    """A schedule under work.

    Attributes:
        schedule: its nine counts.
        locked: blocks (1..9) whose counts stay.
        linked: stages (1..3) whose blocks move by the same count.
    """

    schedule: Schedule
    locked: frozenset[int] = frozenset()
    linked: frozenset[int] = frozenset()

    def move(self, block: int, count: int) -> EditedSchedule:
        """`block` gets `count`; where its stage is linked the others move as far, at most to their bounds.

        A locked block stays, and then so do the others. Raises `ScheduleError` for a block or count out of bounds.
        """
        moved = self.schedule.replace(block, count)
        step = count - self.schedule.clusters[block - 1]
        if block in self.locked:
            return self
        if stage_of(block) not in self.linked:
            return replace(self, schedule=moved)
        others = set(blocks_of(stage_of(block))) - {block}
        return replace(self, schedule=moved)._changed(lambda one, at: at + step if one in others else at)

    def take(self, schedule: Schedule) -> EditedSchedule:
        """All counts of `schedule`, but for those of locked blocks."""
        return self._changed(lambda block, _: schedule.clusters[block - 1])

    def kept_from(self, schedule: Schedule) -> list[int]:
        """The locked blocks whose counts `take(schedule)` leaves as they are although they differ."""
        return [block for block in sorted(self.locked) if self._at(block) != schedule.clusters[block - 1]]

    def open(self, schedule: Schedule) -> EditedSchedule:
        """Exactly `schedule`; what it changes is unlocked."""
        return replace(self, schedule=schedule, locked=self.locked - set(self.kept_from(schedule)))

    def scale(self, percent: float) -> EditedSchedule:
        """Each count times `percent` / 100, rounded, at least 1 and at most its bound; locked blocks stay.

        Raises `ScheduleError` where `percent` is not within `SCALES`.
        """
        if not SCALES[0] <= percent <= SCALES[1]:
            raise ScheduleError(f"a scale must be {SCALES[0]} to {SCALES[1]} %, got {percent:g}")
        # Half upwards: Python's round would send 2.5 and 3.5 different ways.
        return self._changed(lambda _, at: int(at * percent / 100 + 0.5))

    def toggle_lock(self, block: int) -> EditedSchedule:
        """Lock `block`, or unlock it."""
        return replace(self, locked=self.locked ^ {_checked(block, N_BLOCKS, "block")})

    def unlock(self) -> EditedSchedule:
        """No block locked."""
        return replace(self, locked=frozenset())

    def toggle_link(self, stage: int) -> EditedSchedule:
        """Link the blocks of `stage`, or let them go."""
        return replace(self, linked=self.linked ^ {_checked(stage, N_STAGES, "stage")})

    def _at(self, block: int) -> int:
        return self.schedule.clusters[block - 1]

    def _changed(self, wanted: Callable[[int, int], int]) -> EditedSchedule:
        """Every unlocked block gets the count that `wanted` makes of the block and its count, kept within bounds."""
        counts = (
            at if block in self.locked else min(max(wanted(block, at), 1), bound)
            for block, (at, bound) in enumerate(zip(self.schedule, BOUNDS, strict=True), start=1)
        )
        return replace(self, schedule=Schedule(tuple(counts)))


@dataclass(frozen=True, kw_only=True)
class EditHistory:
    """The sketch as it stands, those before it and those that were taken back; locks and links are steps as well.

    Attributes:
        now: the sketch as it stands.
        past: earlier ones, oldest first, at most `LONGEST`.
        future: what was taken back, the next one first.
    """

    now: EditedSchedule
    past: tuple[EditedSchedule, ...] = field(default=(), repr=False)
    future: tuple[EditedSchedule, ...] = field(default=(), repr=False)

    def do(self, sketch: EditedSchedule) -> EditHistory:
        """Go on with `sketch`, and forget what was taken back; the same history where nothing changes."""
        if sketch == self.now:
            return self
        return EditHistory(now=sketch, past=(*self.past, self.now)[-LONGEST:])

    def undo(self) -> EditHistory:
        """One step back; the same history where there is none."""
        if not self.past:
            return self
        return EditHistory(now=self.past[-1], past=self.past[:-1], future=(self.now, *self.future))

    def redo(self) -> EditHistory:
        """One step forward again; the same history where there is none."""
        if not self.future:
            return self
        return EditHistory(now=self.future[0], past=(*self.past, self.now), future=self.future[1:])


def stage_of(block: int) -> int:
    """The stage, 1..3, of a block, 1..9."""
    return (block - 1) // BLOCKS_PER_STAGE + 1


def blocks_of(stage: int) -> range:
    """The blocks of a stage, 1..3."""
    return range((stage - 1) * BLOCKS_PER_STAGE + 1, stage * BLOCKS_PER_STAGE + 1)


def changed_blocks(before: EditedSchedule, after: EditedSchedule) -> list[int]:
    """The blocks whose count or lock differs."""
    counts = (a != b for a, b in zip(before.schedule, after.schedule, strict=True))
    locks = before.locked ^ after.locked
    return [block for block, differs in enumerate(counts, start=1) if differs or block in locks]


def step_words(before: EditedSchedule, after: EditedSchedule) -> str:
    """What a step changed: `block 3 from 8 to 5`, `blocks 1, 2 and 3`, `lock of block 3`, `link of stage 1`."""
    pairs = zip(before.schedule, after.schedule, strict=True)
    moved = [(block, a, b) for block, (a, b) in enumerate(pairs, start=1) if a != b]
    if len(moved) == 1:
        return "block {} from {} to {}".format(*moved[0])
    if moved:
        return named_blocks(block for block, _, _ in moved)
    if before.locked != after.locked:
        return f"lock of {named_blocks(sorted(before.locked ^ after.locked))}"
    return f"link of stage {', '.join(map(str, sorted(before.linked ^ after.linked)))}"


def named_blocks(blocks: Iterable[int]) -> str:
    """`block 3`, `blocks 1, 2 and 3`, `all blocks`."""
    first, *rest = (names := [str(block) for block in blocks])
    if len(names) == N_BLOCKS:
        return "all blocks"
    return f"blocks {', '.join(names[:-1])} and {rest[-1]}" if rest else f"block {first}"


def _checked(number: int, most: int, what: str) -> int:
    if not 1 <= number <= most:
        raise ScheduleError(f"{what} must be 1..{most}, got {number}")
    return number
