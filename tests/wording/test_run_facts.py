"""Metrics, verdicts and sentences of a record."""

from __future__ import annotations

import json
from dataclasses import replace
from unittest.mock import Mock

import pytest

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.charts import palette
from roboreg_core.datasets.dataset import CIFAR100
from roboreg_core.evaluation.paired_tests import Verdict
from roboreg_core.runs.comparison import ComparedRun
from roboreg_core.runs.metric_changes import MetricChange
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.records import Record
from roboreg_core.user_store import open_store
from roboreg_core.wording import fmt, run_facts, run_filter
from roboreg_core.wording.dataset_facts import kind_parts
from roboreg_core.wording.run_metrics import METRICS
from tests.charts.records import make_record
from tests.command_line import CommandLine
from tests.datasets.kept import keep_dataset


def plain(text: str) -> str:
    return text.replace(fmt.NBSP, " ")


def change_of(record: Record) -> run_facts.JudgedChange:
    return run_facts.rates(run_facts.accuracy(record), run_facts.accuracy(record, "dense"), 10_000)


def test_a_loss_beyond_the_margin_is_a_loss() -> None:
    change = change_of(make_record(rights=(920, 500, 890)))
    assert change.difference == pytest.approx(-0.03)
    assert 0.005 < change.margin < 0.01
    assert (change.better, change.verdict) == (False, "loss")


@pytest.mark.parametrize(("tuned", "verdict"), [(918, "within noise"), (920, "no change"), (960, "gain")])
def test_verdicts(tuned: int, verdict: str) -> None:
    assert change_of(make_record(rights=(920, 500, tuned))).verdict == verdict


def test_counts_have_no_margin_and_fewer_is_better() -> None:
    change = run_facts.counted(135_754, 269_722)
    assert (change.value, change.baseline, change.verdict) == (135_754, 269_722, "gain")
    assert change.relative == pytest.approx(-0.4967, abs=1e-4)


@pytest.mark.parametrize(("higher_is_better", "kinds"), [(False, ["loss", "gain"]), (True, ["gain", "loss"])])
def test_kind_of_an_untested_metric_follows_its_direction(higher_is_better: bool, kinds: list[str]) -> None:
    row = Mock(spec=ComparedRun)
    changes = [MetricChange(value=value, baseline=2.0) for value in (3.0, 1.0, 2.0)]
    metrics = [
        replace(METRICS["macs"], change=lambda _, each=each: each, higher_is_better=higher_is_better)
        for each in changes
    ]
    assert [metric.kind(row) for metric in metrics] == [*kinds, "no change"]


def test_finding_says_what_was_kept_and_what_it_costs() -> None:
    record = make_record(rights=(920, 500, 899))
    assert plain(run_facts.finding(record, change_of(record))) == (
        "Keeping half the filters in every block leaves 50.3 % of the parameters "
        "and costs 2.1 percentage points of accuracy after 3 epochs of fine-tuning."
    )


def test_finding_without_fine_tuning_and_of_an_odd_schedule() -> None:
    record = make_record(Schedule((8, 8, 8, 16, 16, 16, 32, 32, 31)), rights=(920, 500))
    assert plain(run_facts.finding(record, change_of(record))) == (
        "Keeping 167 of 336 prunable filters leaves 49.9 % of the parameters "
        "and costs 42.0 percentage points of accuracy without fine-tuning."
    )


def test_finding_within_noise_says_so() -> None:
    record = make_record(rights=(920, 500, 918))
    text = plain(run_facts.finding(record, change_of(record)))
    assert "does not change accuracy significantly (−0.2 percentage points)" in text


def test_best_run_is_the_smallest_that_stays_close() -> None:
    close_and_large = make_record(presets()["three-quarters"], rights=(920, 1, 921), identity="a")
    close_and_small = make_record(presets()["moderate"], rights=(920, 1, 915), identity="b")
    small_and_far = make_record(presets()["aggressive"], rights=(920, 1, 700), identity="c")
    dense = make_record(presets()["dense"], rights=(920, 920), identity="d")
    runs = [dense, small_and_far, close_and_small, close_and_large]
    assert run_facts.best_run(runs) is close_and_small
    assert run_facts.best_run([small_and_far, dense]) is small_and_far
    assert run_facts.best_run([dense]) is None
    assert run_facts.best_run([]) is None


def test_labels_tell_runs_apart() -> None:
    assert plain(run_facts.label(make_record())) == "moderate · 3 epochs · seed 0"
    spec = {**make_record().spec, "method": "source", "recalibrate": True, "epochs": 0, "training_set": "full"}
    assert (
        run_facts.spec_label(spec)
        == "moderate · method source · no fine-tuning · seed 0 · recalibrated · 48,000 images"
    )


def test_labels_name_architecture_and_data_set_where_they_are_not_the_default(roboreg: CommandLine) -> None:
    digits, schedule = keep_dataset("digits", 3), presets(Architecture(depth=56, n_classes=3, image_size=16))["quarter"]
    deep = replace(make_record(), spec={**make_record().spec, **schedule.stored(), "training_set": digits.id})
    kind = ["ResNet-56, 3 classes, 16 × 16 pixels", "digits"]
    assert kind_parts(schedule.architecture, digits.id) == kind
    assert kind_parts(RESNET20, "full") == kind_parts(RESNET20, "") == []
    assert kind_parts(RESNET20, CIFAR100.id) == ["CIFAR-100"]
    assert run_facts.label(deep).endswith(fmt.SEPARATOR.join(kind))
    open_store().put_record(replace(deep, result={**deep.result, "schedule": schedule.to_json()}))
    assert fmt.SEPARATOR.join(["quarter", *kind]) in roboreg("runs", "list")[0]


def test_labels_of_compared_runs_have_only_what_differs() -> None:
    one, two = make_record(identity="a" * 16), make_record(presets()["quarter"], identity="b" * 16)
    assert run_facts.labels([one, two]) == {one.id: "moderate", two.id: "quarter"}
    assert [plain(part) for part in run_facts.shared([one, two])] == ["3 epochs", "seed 0"]
    assert run_facts.shared([one]) == []
    other = replace(one, id="c" * 16, spec={**one.spec, "seed": 7})
    assert run_facts.labels([one, other]) == {one.id: "moderate · seed 0", other.id: "moderate · seed 7"}
    twins = [replace(one, id=f"{number:016x}") for number in range(3)]
    assert len(set(run_facts.labels(twins).values())) == 3, "also where ids begin alike"


def test_the_best_epoch_is_named_beside_the_kept_one() -> None:
    record = make_record()
    assert plain(run_facts.best_epoch_words(record)).endswith("also the best on validation images.")
    record.result["best_epoch"] = {"epoch": 2, "accuracy": 0.905}
    assert "The last epoch is kept: 3 (test accuracy 89.00 %)" in plain(run_facts.best_epoch_words(record))
    assert plain(run_facts.best_epoch_words(record)).endswith("was epoch 2 (test accuracy 90.50 %).")


def test_runs_stored_by_an_earlier_version_are_described() -> None:
    record = make_record()
    for name in ("distil", "preset", "calibration"):
        del record.spec[name]
    del record.result["best_epoch"]
    assert plain(run_facts.label(record)) == "moderate · 3 epochs · seed 0 · labels only"
    assert plain(run_facts.best_epoch_words(record)) == "The last epoch is kept: 3 (test accuracy 89.00 %)."


def test_figures_name_what_they_depend_on() -> None:
    text = plain(run_facts.depends_on(make_record()))
    for part in ("10,000 test images", "one seed (0)", "float32", "CPU", "2 threads"):
        assert part in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02149, "+2.1 pp"), (-0.0211, "−2.1 pp"), (0.0, "±0.0 pp"), (-0.0004, "±0.0 pp")],
)
def test_signs(value: float, text: str) -> None:
    assert plain(fmt.signed_points(value)) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3_900, "1 h 5 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert plain(fmt.duration(seconds)) == text


def test_a_run_looks_the_same_everywhere_and_neighbours_differ() -> None:
    runs = [f"{8 * number:08x}" for number in range(20)]  # ids of one hash
    styles = palette.run_styles(runs)
    colours = [style.colour for style in styles.values()]
    assert set(colours[:8]) == set(colours[8:16]) == set(palette.RUN_COLOURS)
    older = palette.run_styles(runs[:5])
    assert older == {run: styles[run] for run in runs[:5]}, "a new run changes no older style"
    assert palette.run_styles(["not hexadecimal"])["not hexadecimal"].colour in palette.RUN_COLOURS


def test_runs_from_other_dense_networks_are_told_apart() -> None:
    one = make_record(identity="a" * 16)
    other = replace(one, id="b" * 16, spec={**one.spec, "dense": "mine", "dense_sha256": "e" * 64})
    assert run_facts.labels([one, other]) == {one.id: "moderate", other.id: "moderate · from mine"}
    assert plain(run_facts.label(other)) == "moderate · 3 epochs · seed 0 · from mine"


def test_a_network_that_shipped_before_is_not_taken_for_the_one_that_ships() -> None:
    spec = make_record().spec
    teacher = json.loads((paths.others() / "best-90-seed0.json").read_text())["sha256"]
    assert run_facts.dense_name(spec) == "dense"
    assert run_facts.dense_name({**spec, "dense_sha256": teacher}) == "best-90-seed0"
    assert run_facts.dense_name({**spec, "dense_sha256": "e" * 64}) == "dense eeeeeeee"
    assert plain(run_facts.spec_label({**spec, "dense_sha256": "e" * 64})).endswith("seed 0 · from dense eeeeeeee")


@pytest.mark.parametrize(
    ("difference", "p", "text"),
    [
        (0.0, 1.0, "no change"),
        (-0.021, 0.0001, "lost 2.1 pp, significant (p < 0.001)"),
        (0.01, 0.003, "gained 1.0 pp, significant (p = 0.003)"),
        (0.001, 0.62, "not significant (gained 0.1 pp, p = 0.62)"),
        (-0.0003, 0.85, "not significant (lost less than 0.1 pp, p = 0.85)"),
    ],
)
def test_verdicts_of_paired_tests_as_text(difference: float, p: float, text: str) -> None:
    assert plain(Verdict(difference=difference, margin=0.01, p=p).words) == text


def test_the_best_value_of_every_metric_comes_first() -> None:
    small = make_record(presets()["quarter"], rights=(920, 200, 850), identity="a" * 16)
    large = make_record(presets()["minimal"], rights=(920, 900, 910), identity="b" * 16)
    for name, metric in METRICS.items():
        first = run_filter.chosen([small, large], run_filter.RunFilter(), name)[0]
        best = (max if metric.higher_is_better else min)(metric.value(small), metric.value(large))
        assert metric.value(first) == best
    assert METRICS["macs"].text(METRICS["macs"].value(large)) == fmt.millions(large.result["cost"]["macs"])


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0212, "2.1 percentage points"), (-0.01, "1.0 percentage point"), (0.0, "0.0 percentage points")],
)
def test_percentage_points_have_no_sign(share: float, text: str) -> None:
    assert plain(fmt.points(share)) == text


@pytest.mark.parametrize(("parts", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_enumerations(parts: list[str], text: str) -> None:
    assert fmt.enumeration(parts) == text
