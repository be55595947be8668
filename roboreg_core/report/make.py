"""A report as the text of a file, for one run or for several."""

from __future__ import annotations

from collections.abc import Sequence

from roboreg_core.charts import facts
from roboreg_core.report.comparison import comparison_document
from roboreg_core.report.page import to_html
from roboreg_core.report.run import run_document
from roboreg_core.runs.compare import compare_runs
from roboreg_core.runs.spec import KIND
from roboreg_core.runs.summary import summary
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store


def report_html(records: Sequence[Record], store: Store, baseline: Record | None = None) -> str:
    """The report on one run, or on 2 to 16 side by side, against `baseline` (None: the dense network); takes seconds.

    The same runs give the same text.

    Raises:
        SpecError: another number of runs, or one twice.
        StoreError: logits of a run are missing from the store.
    """
    if len(records) == 1:
        return to_html(run_document(summary(records[0], store, baseline)))
    # Colours are those of the pages: given out over all runs, oldest first.
    everything = {record.id: record for record in [*store.list_records(KIND), *records]}
    found = compare_runs(records, store, baseline)
    return to_html(comparison_document(found, facts.styles(list(everything.values()))))
