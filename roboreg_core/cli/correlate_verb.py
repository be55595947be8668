"""The verb that tells how widths, accuracy and costs of a sweep's points move together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roboreg_core.cli.common import Json, answer, open_store, say_notes

if TYPE_CHECKING:
    import pandas as pd

    from roboreg_core.correlation.accuracy_per_mac import AccuracyPerMac
    from roboreg_core.correlation.correlations import Cell, Correlation

NOTHING, PARAMETERS = "none", "parameters"


def correlate_verb(
    sweep: Annotated[str, typer.Option(metavar="NAME", help="A sweep's name, or its id.")],
    variables: Annotated[
        str, typer.Option(help="stages (i, j, k) or blocks; left out, stages where every schedule has them.")
    ] = "",
    given: Annotated[str, typer.Option(help="Cost to hold equal: parameters, macs or none.")] = NOTHING,
    as_json: Json = False,
) -> None:
    """Correlations of a sweep's points with 95 % intervals, what goes with accuracy most, and what MACs buy."""
    from roboreg_core.correlation.correlations import correlate
    from roboreg_core.sweeps.points import frame
    from roboreg_core.sweeps.sweep_store import find_sweep, points_of
    from roboreg_core.wording.correlation_findings import bought, finding

    store = open_store()
    table = frame(points_of(store, find_sweep(store, sweep)))
    held = "" if given == NOTHING else given
    found = correlate(table, variables=variables, given=held)
    beside = None if held else _held_equal(table, variables)
    macs, why = _per_mac(table, variables)
    say_notes((*found.notes, *((why,) if why else ())))
    text = finding(found, beside)
    facts = {
        "sweep": sweep,
        **found.to_json(),
        "given_parameters": beside.to_json() if beside else None,
        "accuracy_per_mac": macs.to_json() if macs else None,
        "finding": text,
    }
    lines = [_table(found, kind) for kind in found.cells] + [text] + ([f"{bought(macs)}."] if macs else [])
    answer(as_json, facts, "\n\n".join(lines))


def _held_equal(table: pd.DataFrame, variables: str) -> Correlation | None:
    """The same with parameters held equal, where that can be."""
    from roboreg_core.correlation.correlations import correlate
    from roboreg_core.errors import SpecError

    try:
        return correlate(table, variables=variables, given=PARAMETERS)
    except SpecError:
        return None


def _per_mac(table: pd.DataFrame, variables: str) -> tuple[AccuracyPerMac | None, str]:
    """What MACs buy, or why that cannot be told."""
    from roboreg_core.correlation.accuracy_per_mac import per_mac
    from roboreg_core.correlation.variables import kind_of
    from roboreg_core.errors import SpecError

    try:
        return per_mac(table, by=variables or kind_of(table)), ""
    except SpecError as error:
        return None, f"no accuracy per MAC: {error}"


def _table(found: Correlation, kind: str) -> str:
    """What was set in columns, what was measured in rows; a star where the interval leaves out zero."""
    from roboreg_core.correlation.variables import WORDS, settings_of

    settings = settings_of(found.names)
    cells = found.cells[kind]
    held = f", {WORDS[found.given]} held equal" if found.given else ""
    head = f"{kind.capitalize()}{held}, n = {found.schedules}; * where the 95 % interval leaves out zero"
    rows: list[list[str]] = [["", *settings]]
    rows += [[name, *(_number(cells[name][each]) for each in settings)] for name in found.names if name not in settings]
    return "\n".join([head, *(f"{row[0]:<18}" + "".join(f"{text:>12}" for text in row[1:]) for row in rows)])


def _number(cell: Cell) -> str:
    return f"{cell.value:.6f}{'*' if cell.is_clear else ' '}"
