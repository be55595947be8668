"""A report as the text of a file, for one run or for several."""

from __future__ import annotations

from collections.abc import Sequence

from roboreg_core.report.comparison import comparison_document
from roboreg_core.report.page import to_html
from roboreg_core.report.run import run_document
from roboreg_core.store.records import Record


def report_html(records: Sequence[Record]) -> str:
    """The report on one run, or on 2 to 16 beside each other, the first being the baseline; takes some seconds.

    The same runs give the same text. Raises `ReportError` on another number of runs.
    """
    document = run_document(records[0]) if len(records) == 1 else comparison_document(records)
    return to_html(document)
