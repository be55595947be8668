"""The verb `report`."""

from pathlib import Path
from typing import Annotated

import typer

from roboreg_core.cli.common import DENSE, Baseline, Json, find_run, print_result, write_file
from roboreg_core.files import check_writable
from roboreg_core.user_store import open_store


def report_verb(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of runs, or their first digits.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="HTML file to write.")],
    baseline: Baseline = DENSE,
    as_json: Json = False,
) -> None:
    """Write a self-contained HTML report on one or several runs, with all changes against a baseline."""
    from roboreg_core.report.html_report import report_html

    check_writable(out)
    store = open_store()
    records = [find_run(store, each) for each in runs]
    against = None if baseline == DENSE else find_run(store, baseline)
    content = report_html(records, store, against).encode()
    write_file(out, content)
    values = {
        "file": str(out),
        "bytes": len(content),
        "runs": [record.id for record in records],
        "baseline": against.id if against else DENSE,
    }
    print_result(as_json, values, f"{out}: {len(content):,} bytes")
