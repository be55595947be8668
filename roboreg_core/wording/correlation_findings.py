"""Correlations and regression slopes as sentences that claim no more than the data show."""

from roboreg_core.correlation.accuracy_per_mac import AccuracyPerMac, Slope
from roboreg_core.correlation.correlations import PEARSON, Cell, Correlation
from roboreg_core.correlation.variables import STAGE_NAMES, settings_of, words
from roboreg_core.wording import fmt

LIMITS = "This is correlation within these runs: other schedules, methods or networks may differ."
ACCURACY_WORDS = {
    "pruned validation": "accuracy after pruning (validation images)",
    "pruned test": "accuracy after pruning (test images)",
    "tuned validation": "accuracy after fine-tuning (validation images)",
    "tuned test": "accuracy after fine-tuning (test images)",
}
_STAGE_WORDS = {name: f"stage {stage}" for stage, name in enumerate(STAGE_NAMES, start=1)}


def finding(plain: Correlation, partial: Correlation | None = None) -> str:
    """Sentences: the stage or block whose width (filters kept) correlates most with accuracy, and `LIMITS`.

    Args:
        plain: correlations that control for nothing.
        partial: correlations of the same points that control for a cost, for a second sentence; None to omit it.
    """
    sentences = [strongest_correlation(plain)]
    if partial is not None and partial.accuracy == plain.accuracy and settings_of(partial.names):
        sentences.append(strongest_correlation(partial))
    return " ".join([*(f"{sentence}." for sentence in sentences), LIMITS])


def strongest_correlation(found: Correlation, kind: str = PEARSON) -> str:
    """Sentence without full stop on the stage or block whose width correlates most with accuracy.

    `kind` is `pearson` or `spearman`.
    """
    settings = settings_of(found.names)
    control = f"Controlling for {words(found.control)}, " if found.control else ""
    if not found.accuracy:
        return fmt.sentence_case(f"{control}no accuracy varies in these {found.schedules} schedules")
    if not settings:
        return fmt.sentence_case(f"{control}no width is left to correlate with accuracy")
    cells = {name: found.cells[kind][name][found.accuracy] for name in settings}
    first, *others = sorted(settings, key=lambda name: -abs(cells[name].value))
    accuracy, best = ACCURACY_WORDS[found.accuracy], cells[first]
    if not best.is_clear:
        closest = f"the largest correlation is {_width(first)}'s, {with_interval(best)}"
        return fmt.sentence_case(f"{control}no width correlates significantly with {accuracy}; {closest}")
    how = f"{' most' if others else ''}{' (negatively)' if best.value < 0 else ''}"
    text = f"{control}{_width(first)}'s width correlates{how} with {accuracy}: {with_interval(best)}"
    return fmt.sentence_case(text + (_runner_up(others[0], best, cells[others[0]]) if others else ""))


def accuracy_per_mac_finding(found: AccuracyPerMac) -> str:
    """Accuracy gained per million MACs in each stage or block, largest first: a sentence without its full stop."""
    slopes = sorted(found.slopes, key=lambda slope: -slope.value)
    gains = fmt.enumeration([f"{_slope(slope)} in {_width(slope.name)}" for slope in slopes])
    accuracy = fmt.sentence_case(ACCURACY_WORDS[found.accuracy])
    explained = f"a linear model explains {found.explained * 100:.0f} % of the variance"
    return f"{accuracy} gained per million MACs: {gains}; {explained}"


def with_interval(cell: Cell) -> str:
    """A correlation with its 95 % interval as text: `0.93 (0.85 to 0.97)`."""
    return f"{number(cell.value)} ({number(cell.low)} to {number(cell.high)})"


def number(value: float) -> str:
    """A correlation as text: `0.93` or `−0.93`; zero without a sign."""
    text = f"{abs(value):.2f}"
    return f"{fmt.MINUS}{text}" if value < 0 and float(text) else text


def _runner_up(name: str, best: Cell, cell: Cell) -> str:
    """The second largest correlation, with a note if its interval overlaps the largest one's."""
    apart = min(abs(best.low), abs(best.high)) > max(abs(cell.low), abs(cell.high))
    return f", followed by {_width(name)}, {with_interval(cell)}{'' if apart else ' (the intervals overlap)'}"


def _slope(slope: Slope) -> str:
    return f"{number(slope.value)} percentage points ({number(slope.low)} to {number(slope.high)})"


def _width(name: str) -> str:
    return _STAGE_WORDS.get(name, name)
