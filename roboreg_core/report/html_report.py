"""The report on one run, or on several side by side, as HTML."""

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
    """HTML of the report on one run or several; takes seconds. The same runs give the same text.

    Args:
        records: one run, or as many as `compare_runs` accepts.
        store: the store with the logits of the runs.
        baseline: the run to compare with; None: the dense network.

    Raises `SpecError`: wrong number of runs, or duplicates; `StoreError`: logits are missing; `DataError`: a run was
    measured on other images than the test images; `ReportError`: a chart contains more than shapes and text.
    """
    if len(records) == 1:
        return run_html(summary(records[0], store, baseline))
    # Colours are assigned among all runs, as on the pages.
    known = {record.id: record for record in [*store.list_records(KIND, ()), *records]}
    return comparison_html(compare_runs(records, store, baseline), palette.styles(list(known.values())))
