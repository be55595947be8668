from __future__ import annotations

from roboreg_core.runs.metric_changes import worst_class


def test_the_worst_class_is_one_with_images() -> None:
    rows = [{"recall": 0.0, "support": 0}, {"recall": 0.9, "support": 5}, {"recall": 0.5, "support": 1}]
    assert worst_class(rows) == 2
