"""The report on one run, or on several side by side, as the text of an HTML file."""

from __future__ import annotations

from collections.abc import Sequence

from roboreg_core.charts import palette
from roboreg_core.report.comparison_report import comparison_html
from roboreg_core.report.run_report import run_html
from roboreg_core.runs.comparison import compare_runs
from roboreg_core.runs.spec import KIND
from roboreg_core.runs.summary import summary
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store


def report_html(records: Sequence[Record], store: Store, baseline: Record | None = None) -> str:
    """Render the report on one run, or on 2 to 16, against `baseline` (None: the dense network); takes seconds.

    The same runs give the same text.

    Raises:
        SpecError: another number of runs, or one twice.
        StoreError: logits of a run are missing from the store.
    """
    if len(records) == 1:
        return run_html(summary(records[0], store, baseline))
    # Runs have the colours that the pages give them among all runs.
    everything = {record.id: record for record in [*store.list_records(KIND), *records]}
    return comparison_html(compare_runs(records, store, baseline), palette.styles(list(everything.values())))
