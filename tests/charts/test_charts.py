"""Each chart's data, title, words and specification, from hand-made records."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from roboreg_core.architecture import Architecture
from roboreg_core.charts import (
    base,
    confusion_matrix,
    layer_costs,
    measured_latency,
    palette,
    per_class_metrics,
    tradeoff_scatter,
    training_curves,
)
from roboreg_core.paths import PROJECT
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Event, Job
from roboreg_core.wording import fmt, job_progress
from tests.charts.records import make_history, make_record, make_report


def drawn(chart: base.Drawing) -> dict[str, Any]:
    spec = base.specification(chart)
    assert spec["description"]
    return spec


def test_tradeoff_marks_the_front() -> None:
    small = make_record(presets()["quarter"], rights=(920, 300, 880), identity="a", recorded=True)
    large = make_record(presets()["moderate"], rights=(920, 500, 870), identity="b")
    frame = tradeoff_scatter.tradeoff_data([large, small])
    assert list(frame.columns) == [*tradeoff_scatter.COLUMNS, "front"]
    assert list(zip(frame["run"], frame["stage"], frame["front"], strict=True)) == [
        ("a", "fine-tuned", True),
        ("a", "pruned", False),
        ("b", "fine-tuned", False),
        ("b", "pruned", False),
    ]
    assert list(frame["origin"]) == ["example", "example", "yours", "yours"]
    assert "No pruned network is within 3 percentage points" in tradeoff_scatter.tradeoff_title(frame).replace(
        "\u00a0", " "
    )
    drawn(tradeoff_scatter.tradeoff_chart(frame))


def test_tradeoff_of_nothing() -> None:
    frame = tradeoff_scatter.tradeoff_data([])
    assert frame.empty
    assert tradeoff_scatter.tradeoff_title(frame) == "No runs to compare yet"
    drawn(tradeoff_scatter.tradeoff_chart(frame))


def test_confusion_keeps_every_count() -> None:
    report = make_report(900)
    frame = confusion_matrix.confusion_data(report)
    assert len(frame) == 100
    assert frame["count"].sum() == 10_000
    assert confusion_matrix.confusion_table(frame, "count").to_numpy().tolist() == report["confusion"]
    assert frame.groupby("true")["share"].sum().to_list() == pytest.approx([1.0] * 10)
    assert "cat predicted as deer" in confusion_matrix.confusion_title(frame)
    for values in ("count", "share"):
        drawn(confusion_matrix.confusion_chart(frame, values))


def test_confusion_without_mistakes() -> None:
    report = make_report(1000)
    report["confusion"] = [[1000 * (row == column) for column in range(10)] for row in range(10)]
    assert (
        confusion_matrix.confusion_title(confusion_matrix.confusion_data(report))
        == "Every image is classified correctly"
    )


def test_confusion_of_a_class_without_images_divides_by_nothing() -> None:
    report = make_report(900)
    report["confusion"][0] = [0] * 10
    assert confusion_matrix.confusion_data(report)["share"].notna().all()


def test_classes_compare_each_class_with_itself() -> None:
    frame = per_class_metrics.classes_data(make_record(rights=(920, 500, 900)), "tuned")
    assert len(frame) == 20
    assert frame["change"].to_list() == pytest.approx([-0.02] * 20)
    assert "Cat has the lowest recall" in per_class_metrics.classes_title(frame)
    drawn(per_class_metrics.classes_chart(frame))


def test_classes_of_the_dense_stage_alone() -> None:
    frame = per_class_metrics.classes_data(make_record(), "dense")
    assert len(frame) == 10
    assert per_class_metrics.classes_title(frame).endswith("no class lost recall")
    drawn(per_class_metrics.classes_chart(frame))


def test_history_is_long_and_leaves_out_what_was_not_measured() -> None:
    epochs = make_history(3)
    assert len(training_curves.history_data(epochs)) == 15
    epochs[0]["validation_loss"] = None
    frame = training_curves.history_data(epochs)
    assert len(frame) == 14
    assert "62.0" in training_curves.history_title(frame)
    assert "66.0" in training_curves.history_title(frame)
    for measure in ("loss", "accuracy", "learning rate"):
        drawn(training_curves.history_chart(frame, measure, 0.92 if measure == "accuracy" else None))


@pytest.mark.parametrize("epochs", [0, 1])
def test_history_of_few_epochs(epochs: int) -> None:
    frame = training_curves.history_data(make_history(epochs))
    assert ("No epoch" if not epochs else "After one epoch") in training_curves.history_title(frame)
    drawn(training_curves.history_chart(frame, "accuracy", 0.9))


@pytest.mark.parametrize("field", ["parameters", "macs"])
def test_layers_add_up_to_the_network(field: str) -> None:
    record = make_record()
    frame = layer_costs.layers_data(record)
    assert len(frame) == 20
    assert frame[field].sum() == record.result["cost"][field]
    assert frame[f"{field}_dense"].sum() == record.result["dense_cost"][field]
    assert fmt.percent(record.result["cost"][field] / record.result["dense_cost"][field]) in layer_costs.layers_title(
        frame, field
    )
    drawn(layer_costs.layers_chart(frame, field))


def test_latency_claims_nothing_within_the_spread() -> None:
    frame = measured_latency.latency_data(make_record())
    assert len(frame) == 4
    assert measured_latency.latency_title(frame) == (
        "One image: no measurable latency change (the spreads overlap); "
        "batch of 256: 2.00 times as fast as the dense network"
    )
    assert frame.loc[frame["batch"] == 256, "images_per_second"].to_list() == pytest.approx([640, 1280])
    assert "CPU, 2\u00a0threads" in measured_latency.latency_conditions(frame)
    for batch in (1, 256):
        drawn(measured_latency.latency_chart(frame, batch))


def event(number: int, **payload: Any) -> Event:
    return Event(job="j", number=number, time="2026-01-02T03:04:05+00:00", payload=payload)


def test_progress_in_words() -> None:
    payload = {"stage": "tune", "fraction": 0.43, "remaining_seconds": 80.0, "epoch": 2, "epochs": 5}
    job = Job(id="j", kind="run", key="k", function="f", spec={}, progress=payload)
    assert job_progress.progress_words(job).replace(fmt.NBSP, " ") == (
        "Fine-tuning, epoch 2 of 5 · 43 % · about 1 min 20 s left"
    )
    assert job_progress.stage_words({}) == job_progress.STARTING


def test_events_make_curves_and_a_log() -> None:
    first, second = make_history(2)
    events = [
        event(1, stage="dense", accuracy={"dense": 0.92}),
        event(2, stage="tune", epochs=2, history=first),
        event(3, stage="tune", epochs=2, history={**first, "loss": 9.0}),
        event(4, stage="tune", epochs=2, history=second),
    ]
    assert [each["loss"] for each in job_progress.history(events)] == [9.0, 0.5]
    assert job_progress.accuracies(events) == {"dense": 0.92}
    lines = job_progress.log_lines(events).splitlines()
    assert lines[0].replace(fmt.NBSP, " ") == "03:04:05  Test accuracy, dense: 92.00 %"
    assert "Epoch 1 of 2 done" in lines[1]


@pytest.mark.parametrize("name", ["light", "dark"])
def test_themes_are_those_of_the_pages(name: str) -> None:
    page = tomllib.loads((PROJECT / ".streamlit" / "config.toml").read_text())["theme"][name]
    theme = {"light": palette.LIGHT, "dark": palette.DARK}[name]
    keys = {
        "paper": "backgroundColor", "ink": "textColor", "line": "borderColor", "panel": "secondaryBackgroundColor",
        "gain": "linkColor", "loss": "redTextColor",
    }  # fmt: skip
    assert {key: getattr(theme, key) for key in keys} == {key: page[option] for key, option in keys.items()}


def test_layers_of_networks_with_other_depths_stand_side_by_side() -> None:
    record = make_record(presets(Architecture(depth=32, shortcut="B"))["moderate"])
    frame = layer_costs.layers_data(record, make_record())
    drawn(layer_costs.layers_chart(frame, "macs"))
    layers = frame.set_index("layer")
    assert layers["macs_baseline"].isna().tolist() == [
        "shortcut" in layer or layer.startswith(tuple(f"block {block} " for block in range(10, 16)))
        for layer in layers.index
    ]
