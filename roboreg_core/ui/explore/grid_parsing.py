"""Parser of typed grids: counts, bounds and schedules, one text per stage, block or line."""

import itertools
import re
from collections.abc import Sequence

from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import ScheduleError, SpecError
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.sweeps.grid import BLOCKS, LIST, MAX_SCHEDULES, RANDOM, STAGES, Grid
from roboreg_core.sweeps.spec import MAX_SEEDS

LONGEST_ROW = 8
MOST_SEED = 2**31 - 1
_RANGE = re.compile(r"(\d+)[-\u2013](\d+)(?::(\d+))?")
_JOINED = re.compile(r"\s*([-\u2013:])\s*")


def grid(kind: str, texts: Sequence[str], architecture: Architecture = RESNET20, n: int = 0, seed: int = 0) -> Grid:
    """Parse a grid of schedules.

    Args:
        kind: `stages` (counts per stage), `blocks` (counts per block), `list` (one schedule per line) or `random`
            (bounds per block, e.g. `4-16`).
        texts: one text per stage or block; for `list` a single text.
        architecture: architecture of the schedules.
        n: number of random schedules.
        seed: seed of the random draw.

    Raises `SpecError`: a text is invalid.
    """
    if kind == LIST:
        return Grid(kind=kind, values=schedules(texts[0], architecture), architecture=architecture)
    if kind == RANDOM:
        pairs = enumerate(zip(texts, architecture.bounds, strict=True), 1)
        bounds = tuple(_bounds(text, block, most) for block, (text, most) in pairs)
        return Grid(kind=kind, values=bounds, n=n, seed=seed, architecture=architecture)
    what, most = {STAGES: ("stage", architecture.stage_widths), BLOCKS: ("block", architecture.bounds)}[kind]
    each = [
        counts(text, f"{what} {place}", bound) for place, (text, bound) in enumerate(zip(texts, most, strict=True), 1)
    ]
    return Grid(kind=kind, values=tuple(each), architecture=architecture)


def counts(text: str, what: str, most: int, least: int = 1) -> tuple[int, ...]:
    """Parse integers from `least` to `most`: `4, 8, 12`, `4-12`, or `4-12:4` for every fourth.

    Raises `SpecError`: the text is invalid; the message calls it `what`, e.g. `block 3`.
    """
    found: list[int] = []
    for part in re.split(r"[,;\s]+", _JOINED.sub(r"\1", text)):
        if part:
            found += _part(part, what, least, most)
    return tuple(found)


def seeds(text: str) -> tuple[int, ...]:
    """Parse seeds in the formats of `counts`, without duplicates. Raises `SpecError`: there are none, or too many."""
    found = tuple(dict.fromkeys(counts(text, "seeds", MOST_SEED, least=0)))
    if not 1 <= len(found) <= MAX_SEEDS:
        raise SpecError(f"there must be 1..{MAX_SEEDS} seeds, got {len(found)}; write 0, or 0-4")
    return found


def schedules(text: str, architecture: Architecture = RESNET20) -> tuple[tuple[int, ...], ...]:
    """Parse one schedule per line, counts or the name of a preset; return the counts of each.

    Raises `SpecError`: a line is invalid, or there are too many.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MAX_SCHEDULES:
        raise SpecError(f"a list may contain at most {MAX_SCHEDULES:,} schedules, got {len(lines):,}; take fewer lines")
    found = []
    for number, line in lines:
        try:
            found.append(Schedule.parse(line.strip().strip("[]()"), architecture).counts)
        except ScheduleError as error:
            raise SpecError(f"line {number}: {error}") from None
    return tuple(found)


def written(values: Sequence[int]) -> str:
    """Format integers as text that `counts` parses: `4, 8, 12`, or `4-40:4` for a long evenly spaced list."""
    steps = {after - before for before, after in itertools.pairwise(values)}
    if len(values) > LONGEST_ROW and len(steps) == 1 and min(steps) > 0:
        return f"{values[0]}-{values[-1]}" + (f":{min(steps)}" if steps != {1} else "")
    return ", ".join(map(str, values))


def _bounds(text: str, block: int, most: int) -> tuple[int, ...]:
    pair = re.fullmatch(r"([0-9]{1,9})[-\u2013]([0-9]{1,9})", _JOINED.sub(r"\1", text.strip()))
    if pair is not None:
        return tuple(map(int, pair.groups()))
    if not text.isascii() or not text.strip().isdecimal() or len(text.strip()) > 9:
        raise SpecError(
            f"block {block}: bounds must be two numbers within 1..{most}, got {text[:20]!r}; write 1-{most}"
        )
    return (int(text),) * 2


def _part(part: str, what: str, least: int, most: int) -> Sequence[int]:
    match = _RANGE.fullmatch(part)
    if match is None:
        return [_number(part, what, least, most)]
    low, high = (_number(each, what, least, most) for each in match.groups()[:2])
    if low > high:
        raise SpecError(f"{what}: a range must ascend, got {part}; write {high}-{low}")
    step = int((match.group(3) or "1")[:9])
    found = range(low, high + 1, max(1, step))
    if len(found) > MAX_SCHEDULES:
        raise SpecError(f"{what}: a range may contain at most {MAX_SCHEDULES:,} numbers, got {len(found):,}; narrow it")
    return found


def _number(text: str, what: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdecimal():
        raise SpecError(f"{what}: numbers must be whole, {least}..{most}, got {text[:20]!r}; write 4, 8, 12 or 4-12")
    if len(text) > 10 or not least <= int(text) <= most:
        raise SpecError(f"{what}: numbers must be {least}..{most}, got {text[:20]}")
    return int(text)
