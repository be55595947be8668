"""The verb `correlate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from roboreg_core.cli.common import Json, print_notes, print_result
from roboreg_core.errors import SpecError
from roboreg_core.sweeps.points import frame
from roboreg_core.sweeps.sweep_store import find_sweep, points_of
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    import pandas as pd

    from roboreg_core.correlation.accuracy_per_mac import AccuracyPerMac
    from roboreg_core.correlation.correlations import Cell, Correlation

NONE, PARAMETERS = "none", "parameters"


def correlate_verb(
    sweep: Annotated[str, typer.Option(metavar="NAME", help="A sweep's name or id.")],
    variables: Annotated[
        str, typer.Option(help="stages (i, j, k) or blocks; stages if omitted and all schedules allow it.")
    ] = "",
    given: Annotated[str, typer.Option(help="Cost to control for: parameters, macs or none.")] = NONE,
    as_json: Json = False,
) -> None:
    """Correlate filter counts, accuracy and costs of a sweep's points, with 95 % intervals and accuracy per MAC."""
    from roboreg_core.correlation.correlations import correlate
    from roboreg_core.wording.correlation_findings import accuracy_per_mac_finding, finding

    store = open_store()
    table = frame(points_of(store, find_sweep(store, sweep)))
    control = "" if given == NONE else given
    found = correlate(table, variables=variables, control=control)
    controlled = None if control else _controlled(table, variables)
    macs, missing = _per_mac(table, variables)
    print_notes((*found.notes, *((missing,) if missing else ())))
    text = finding(found, controlled)
    values = {
        "sweep": sweep,
        **found.to_json(),
        "given_parameters": controlled.to_json() if controlled else None,
        "accuracy_per_mac": macs.to_json() if macs else None,
        "finding": text,
    }
    lines = (
        [_table(found, kind) for kind in found.cells]
        + [text]
        + ([f"{accuracy_per_mac_finding(macs)}."] if macs else [])
    )
    print_result(as_json, values, "\n\n".join(lines))


def _controlled(table: pd.DataFrame, variables: str) -> Correlation | None:
    """Correlations controlled for parameters; None if that is impossible."""
    from roboreg_core.correlation.correlations import correlate

    try:
        return correlate(table, variables=variables, control=PARAMETERS)
    except SpecError:
        return None


def _per_mac(table: pd.DataFrame, variables: str) -> tuple[AccuracyPerMac | None, str]:
    """Accuracy per MAC, or the reason for its absence."""
    from roboreg_core.correlation.accuracy_per_mac import per_mac
    from roboreg_core.correlation.variables import kind_of

    try:
        return per_mac(table, by=variables or kind_of(table)), ""
    except SpecError as error:
        return None, f"no accuracy per MAC: {error}"


def _table(found: Correlation, kind: str) -> str:
    """Correlations with settings as columns and measurements as rows."""
    from roboreg_core.correlation.variables import settings_of, words

    settings = settings_of(found.names)
    cells = found.cells[kind]
    control = f", controlled for {words(found.control)}" if found.control else ""
    head = f"{kind.capitalize()}{control}, n = {found.schedules}; *: the 95 % interval excludes zero"
    rows: list[list[str]] = [["", *settings]]
    rows += [[name, *(_number(cells[name][each]) for each in settings)] for name in found.names if name not in settings]
    return "\n".join([head, *(f"{row[0]:<18}" + "".join(f"{text:>12}" for text in row[1:]) for row in rows)])


def _number(cell: Cell) -> str:
    return f"{cell.value:.6f}{'*' if cell.is_clear else ' '}"
