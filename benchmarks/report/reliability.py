"""docs/reliability.md as Markdown, from the measurement `faults`."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from benchmarks.faults import many_browsers, many_sessions
from benchmarks.faults.kinds import BY_NAME, KINDS
from benchmarks.faults.work import EPOCHS, TEST_IMAGES, TRAIN_IMAGES
from benchmarks.report.catalogue import percent
from benchmarks.report.measurements import Measurement
from benchmarks.report.page import NOT_YET, table_row, when
from roboreg_core import paths
from roboreg_core.datasets.cifar10 import VALIDATION_IMAGES

PAGE = paths.PROJECT / "docs" / "reliability.md"
COMMAND = "python -m benchmarks.faults"
COUNTS = ("tried", "survived", "lost", "wrong")

HEAD = f"""# Reliability

`{COMMAND}` starts the app as `make run` does, on a temporary home, drives its pages in Chromium, and
causes the faults below. The work: a run with fine-tuning, a sweep, a search and an uploaded network
({EPOCHS} epochs; {TRAIN_IMAGES - VALIDATION_IMAGES:,} training, {VALIDATION_IMAGES:,} validation and
{TEST_IMAGES:,} test images; one thread). Each work is first done without faults; afterwards its figures, weights and
logits must be equal bit by bit.

- **tried**: faults caused; **survived**: the condition of the second table holds.
- **lost**: work is gone or does not finish even when resumed, or the app does not respond.
- **wrong**: a figure differs, damage goes unnoticed, SQLite's `integrity_check` fails, or a traceback is shown or
  logged.

```
{COMMAND} [--quick] [--seed N ...] [--minutes N] [--only KIND]
python -m benchmarks.report measure faults    # stores the figures in benchmarks/measured/faults.json
python -m benchmarks.report write             # this page
```
"""


def page(measured: Measurement | None) -> str:
    """Return docs/reliability.md."""
    figures = measured.figures if measured is not None else {"kinds": []}
    return "\n".join([HEAD, *_results(measured), *_conditions(), *_details(figures["kinds"])]).rstrip() + "\n"


def _results(measured: Measurement | None) -> Iterator[str]:
    yield "## Results\n"
    if measured is None:
        yield f"{NOT_YET}: `python -m benchmarks.report measure faults`\n"
        return
    kinds = measured.figures["kinds"]
    total = {name: sum(each[name] for each in kinds) for name in COUNTS}
    yield _table(
        ("fault", *COUNTS),
        [
            *((BY_NAME[each["name"]].title + _early(each), *(each[name] for name in COUNTS)) for each in kinds),
            ("all", *total.values()),
        ],
    )
    seeds = " ".join(f"--seed {seed}" for seed in measured.figures["seeds"])
    yield when(f"{COMMAND} {seeds} --minutes {measured.figures['minutes']:g}", measured)


def _early(kind: Mapping[str, Any]) -> str:
    return "" if kind["completed"] else " (ended early)"


def _conditions() -> Iterator[str]:
    yield "## Conditions\n"
    yield _table(("fault", "survived if"), [(kind.title, kind.survived) for kind in KINDS])


def _details(kinds: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for each in kinds:
        yield f"## {BY_NAME[each['name']].title}\n"
        tried = [fault for fault in each["faults"] if fault["survived"] + fault["lost"] + fault["wrong"]]
        rows = [(fault["what"], *(fault[name] for name in COUNTS[1:])) for fault in tried]
        if rows:
            yield _table(("when and what", *COUNTS[1:]), rows)
        for fault in each["faults"]:
            if fault["skipped"]:
                yield f"Not possible on this machine: {fault['what']}.\n"
        yield from (f"{line}\n" for line in _values(each["values"]))


def _values(values: Mapping[str, list[float]]) -> Iterator[str]:
    """Sentences on the measured values of a kind."""
    times = values.get(many_browsers.MS)
    if times and len(times) > 1:
        slow = statistics.quantiles(times, n=20)[-1]
        yield (
            f"From key to updated counts: median {statistics.median(times):,.0f} ms, 95th percentile {slow:,.0f} ms, "
            f"{len(times):,} moves; the browsers run on the machine of the server."
        )
    for before, after, count in zip(
        *(values.get(name, ()) for name in (many_sessions.BEFORE, many_sessions.AFTER, many_sessions.COUNT)),
        strict=True,
    ):
        yield (
            f"Memory of the server after {count:.0f} sessions: {after:,.0f} MB, before {before:,.0f} MB, "
            f"{percent(after / before - 1)} more."
        )


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    names = list(head)
    return (
        "\n".join([table_row(*names), "|" + "---|" * len(names), *(table_row(*map(str, row)) for row in rows)]) + "\n"
    )
