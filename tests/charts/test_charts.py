import json

import pytest

from roboreg_core.charts import classes, confusion, facts, history, latency, layers, tradeoff
from roboreg_core.charts.base import specification
from roboreg_core.data.images import CLASSES
from roboreg_core.store.records import Record


def drawn(chart: object) -> str:
    text = json.dumps(specification(chart))  # type: ignore[arg-type]
    assert "NaN" not in text
    return text


@pytest.mark.parametrize("stage", ["dense", "pruned", "tuned"])
def test_confusion_counts_are_the_reports(record: Record, stage: str) -> None:
    report = record.result["stages"][stage]
    frame = confusion.confusion_data(report)
    assert len(frame) == 100
    assert frame["count"].sum() == report["images"]
    right = frame[frame["true"] == frame["predicted"]]["count"].sum()
    assert right / report["images"] == pytest.approx(report["accuracy"])
    assert drawn(confusion.confusion_chart(frame))
    assert confusion.confusion_title(frame).startswith("The commonest mistake")


def test_classes_carry_their_change_from_dense(record: Record) -> None:
    frame = classes.classes_data(record, "tuned")
    assert set(frame["class"]) == set(CLASSES)
    stages = record.result["stages"]
    for name, dense, tuned in zip(CLASSES, stages["dense"]["per_class"], stages["tuned"]["per_class"], strict=True):
        rows = frame[(frame["class"] == name) & (frame["stage"] == "tuned")]
        assert rows["change"].item() == pytest.approx(tuned["recall"] - dense["recall"])
    assert drawn(classes.classes_chart(frame))
    assert len(classes.report_table(stages["tuned"])) == 12


def test_history_has_every_epoch(record: Record) -> None:
    frame = history.history_data(record.result["history"])
    for measure in ("accuracy", "loss"):
        assert drawn(history.history_chart(frame, measure, 0.9))
        assert history.history_alt(frame, measure)
    assert frame["epoch"].max() == record.spec["epochs"]


@pytest.mark.parametrize("field", ["parameters", "macs"])
def test_layers_add_up_to_the_cost(record: Record, field: str) -> None:
    frame = layers.layers_data(record)
    text = drawn(layers.layers_chart(frame, field))
    assert "block 9 conv2" in text
    numbers = frame.select_dtypes("number").sum().tolist()
    assert record.result["cost"][field] in numbers
    assert record.result["dense_cost"][field] in numbers


def test_latency_names_what_it_depends_on(record: Record) -> None:
    frame = latency.latency_data(record)
    assert drawn(latency.latency_chart(frame, 1))
    assert drawn(latency.latency_chart(frame, 256))
    assert "thread" in latency.latency_depends(frame)


def test_tradeoff_shows_every_stage_of_every_run(records: list[Record]) -> None:
    frame = tradeoff.tradeoff_data(records)
    assert set(frame["run"]) == {record.id for record in records}
    assert drawn(tradeoff.tradeoff_chart(frame))
    assert tradeoff.tradeoff_alt(frame)


def test_findings_are_sentences_with_the_real_figures(records: list[Record]) -> None:
    for record in records:
        sentence = facts.finding(record)
        assert sentence.endswith(".")
        share = record.result["cost"]["parameters"] / record.result["dense_cost"]["parameters"]
        assert f"{100 * share:.1f}" in sentence
        change = facts.accuracy_change(record)
        stages = record.result["stages"]
        assert change.difference == pytest.approx(stages["tuned"]["accuracy"] - stages["dense"]["accuracy"])


def test_the_best_run_is_none_of_none() -> None:
    assert facts.best_run([]) is None
