"""Sweeps as text: grid, settings, cost range, progress."""

from collections.abc import Sequence

from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import dense_schedule
from roboreg_core.sweeps.control import SweepState, SweepStatus
from roboreg_core.sweeps.grid import BLOCKS, LIST, STAGES, Grid, source_grid
from roboreg_core.sweeps.spec import SweepSpec
from roboreg_core.sweeps.sweep_store import Sweep
from roboreg_core.wording import fmt
from roboreg_core.wording.dataset_facts import kind_parts

# Longer rows of counts are shortened to their ends and length.
LONGEST_ROW = 6


def grid_words(grid: Grid) -> str:
    """A grid as text: `stages 4, 8, 12 × 8, 16, 24 × 16, 32, 48`, or the description of another kind of grid."""
    if grid == source_grid(grid.architecture):
        return "the original project's grid: a quarter, half and three quarters of each stage"
    if grid.kind == STAGES:
        return f"stages {' × '.join(map(row_words, grid.values))}"
    if grid.kind == BLOCKS:
        varied = [(block, counts) for block, counts in enumerate(grid.values, 1) if len(counts) > 1]
        return "; ".join(f"block {block}: {row_words(counts)}" for block, counts in varied) or "one schedule"
    if grid.kind == LIST:
        return f"a list of {fmt.plural(grid.size, 'schedule')}"
    low, high = (",".join(str(pair[end]) for pair in grid.values) for end in (0, 1))
    return f"{fmt.plural(grid.size, 'random schedule')} between {low} and {high}"


def row_words(counts: Sequence[int]) -> str:
    """Counts as text: `4, 8, 12`, or `4 to 16 (7 counts)` for many."""
    if len(counts) <= LONGEST_ROW:
        return ", ".join(map(str, counts))
    return f"{counts[0]} to {counts[-1]} ({len(counts)} counts)"


def kind_words(spec: SweepSpec) -> str:
    """Architecture and data set of a sweep where they are not the default, e.g. `ResNet-56`; else empty."""
    return ", ".join(kind_parts(spec.grid.architecture, spec.training_set))


def sweep_words(spec: SweepSpec) -> str:
    """Grid, architecture and data set, method, seeds and fine-tuning of a sweep as text."""
    parts = [grid_words(spec.grid), *filter(None, [kind_words(spec)])]
    parts += [f"method {spec.method}{', recalibrated' if spec.recalibrate else ''}"]
    seeds = ", ".join(map(str, spec.seeds)) if len(spec.seeds) <= LONGEST_ROW else f"({len(spec.seeds)})"
    parts.append(f"seed{'s' if len(spec.seeds) > 1 else ''} {seeds}")
    tuning = f"{fmt.plural(spec.epochs, 'epoch')} of fine-tuning ({spec.preset})"
    parts.append(tuning if spec.tuned else "no fine-tuning")
    if not (spec.test or spec.tuned):
        parts.append("test accuracy not measured")
    return fmt.SEPARATOR.join(parts)


def range_words(grid: Grid) -> str:
    """Costs of a grid's schedules: `25.8 % to 75.3 % of the dense network's MACs, 17.0 % to ...`."""
    counted, dense = [cost(schedule) for schedule in grid.schedules()], cost(dense_schedule(grid.architecture))
    parts = [
        f"{_range([getattr(each, name) / getattr(dense, name) for each in counted])} {of}"
        for name, of in (("macs", "of the dense network's MACs"), ("parameters", "of its parameters"))
    ]
    return ", ".join(parts)


def suggested_name(grid: Grid, taken: Sequence[str]) -> str:
    """An unused name for a new sweep; `taken` are the names in use."""
    kind = {STAGES: "stages", BLOCKS: "blocks", LIST: "list"}.get(grid.kind, "random")
    first = "source grid" if grid == source_grid(grid.architecture) else f"{grid.size} schedules, {kind}"
    used = {name.casefold() for name in taken}
    names = [first, *(f"{first} {number}" for number in range(2, len(used) + 3))]
    return next(name for name in names if name.casefold() not in used)


def finding(found: Sequence[tuple[Sweep, SweepStatus]]) -> str:
    """Sentences on the pairs of sweep and status: progress of the running sweep, else numbers of sweeps and points."""
    if not found:
        size = source_grid().size
        return f"No sweep yet. Use the original project's grid ({size}) below, or define your own, and start it."
    for sweep, status in found:
        if status.state is SweepState.RUNNING:
            return f"“{fmt.inline_text(sweep.name)}” is running: {progress_words(status)}."
    points = sum(status.done for _, status in found)
    stopped = sum(status.state is SweepState.STOPPED for _, status in found)
    text = f"{fmt.plural(len(found), 'sweep')} with {fmt.plural(points, 'measured point')}; nothing is running."
    return text + (f" {fmt.plural(stopped, 'sweep')} can be resumed." if stopped else "")


def progress_words(status: SweepStatus) -> str:
    """Progress of a sweep as text: `12 of 27 points, about 40 s left`."""
    text = f"{status.done:,} of {fmt.plural(status.total, 'point')}"
    if status.state is SweepState.RUNNING and status.remaining_seconds:
        return f"{text}, about {fmt.duration(status.remaining_seconds)} left"
    return f"{text}; measured points are kept" if status.state is SweepState.STOPPED else text


def _range(shares: Sequence[float]) -> str:
    low, high = fmt.percent(min(shares)), fmt.percent(max(shares))
    return low if low == high else f"{low} to {high}"
