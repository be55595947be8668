"""What correlations and slopes say, in sentences that claim no more than they show."""

from __future__ import annotations

from roboreg_core.correlation.accuracy_per_mac import AccuracyPerMac, Slope
from roboreg_core.correlation.correlations import PEARSON, Cell, Correlation
from roboreg_core.correlation.variables import settings_of

MINUS = "\u2212"
LIMITS = "This is correlation within these runs: other schedules, methods or networks may differ."
ACCURACY_WORDS = {
    "pruned validation": "accuracy after pruning (validation images)",
    "pruned test": "accuracy after pruning (test images)",
    "tuned validation": "accuracy after fine-tuning (validation images)",
    "tuned test": "accuracy after fine-tuning (test images)",
}
_HELD = {"parameters": "parameters", "macs": "MACs"}


def finding(plain: Correlation, partial: Correlation | None = None) -> str:
    """Which stage or block moves with accuracy most, the same with a cost held equal, and what that does not say."""
    sentences = [lead(plain)]
    if partial is not None and partial.accuracy == plain.accuracy and settings_of(partial.names):
        sentences.append(lead(partial))
    return " ".join([*(f"{sentence}." for sentence in sentences), LIMITS])


def lead(found: Correlation, kind: str = PEARSON) -> str:
    """Which stage or block moves with accuracy most: one sentence without its full stop."""
    settings = settings_of(found.names)
    held = f"With {_HELD[found.given]} held equal, " if found.given else ""
    if not found.accuracy:
        return _capital(f"{held}no accuracy varies in these {found.schedules} schedules")
    if not settings:
        return _capital(f"{held}no width is left to compare with accuracy")
    cells = {name: found.cells[kind][name][found.accuracy] for name in settings}
    first, *others = sorted(settings, key=lambda name: -abs(cells[name].value))
    what, best = ACCURACY_WORDS[found.accuracy], cells[first]
    if not best.is_clear:
        return _capital(f"{held}no width clearly moves with {what}; {_width(first)}'s comes closest: {told(best)}")
    how = "with" if best.value > 0 else "against"
    most = " most" if others else ""
    text = f"{held}{_width(first)}'s width moves {how} {what}{most}: {told(best)}"
    return _capital(text + (_behind(others[0], best, cells[others[0]]) if others else ""))


def bought(found: AccuracyPerMac) -> str:
    """What a million MACs bought in each stage or block, dearest last: one sentence without its full stop."""
    slopes = sorted(found.slopes, key=lambda slope: -slope.value)
    parts = [f"{_slope(slope)} in {_width(slope.name)}" for slope in slopes]
    what = ACCURACY_WORDS[found.accuracy]
    return (
        f"A million MACs more went with {_joined(parts)} of {what}; a plane over the MACs explains "
        f"{found.explained * 100:.0f} % of its variance"
    )


def told(cell: Cell) -> str:
    """`0.93 (0.85 to 0.97)`."""
    return f"{number(cell.value)} ({number(cell.low)} to {number(cell.high)})"


def number(value: float) -> str:
    """`0.93`, with a true minus and no minus before zero."""
    text = f"{abs(value):.2f}"
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def _behind(name: str, best: Cell, cell: Cell) -> str:
    """The next one, and whether the order of the two is clear by their intervals."""
    apart = min(abs(best.low), abs(best.high)) > max(abs(cell.low), abs(cell.high))
    return f", {_width(name)}'s next: {told(cell)}{'' if apart else ', but the intervals overlap'}"


def _slope(slope: Slope) -> str:
    return f"{number(slope.value)} points ({number(slope.low)} to {number(slope.high)})"


def _width(name: str) -> str:
    return {"i": "stage 1", "j": "stage 2", "k": "stage 3"}.get(name, name)


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
