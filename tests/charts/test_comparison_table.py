"""Charts of a run against a baseline and of runs side by side, from the recorded runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.charts import (
    changed_predictions,
    comparison_table,
    confusion_difference,
    confusion_matrix,
    filter_clusters,
    palette,
    per_class_metrics,
    recall_slopes,
    schedule_strips,
    shared_error_matrix,
    tradeoff_scatter,
)
from roboreg_core.errors import SpecError, StoreError
from roboreg_core.runs.comparison import Comparison, compare_runs
from roboreg_core.runs.filter_groups import FATES, clusters_of
from roboreg_core.runs.metric_changes import COSTS
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.wording import fmt, run_facts
from tests.charts.test_charts import drawn
from tests.shipped_runs import shipped_run


@pytest.fixture
def store(home: object) -> Store:
    return Store(paths.home(), shipped=paths.recorded())


@pytest.fixture
def found(record: Record, store: Store) -> Summary:
    return summary(record, store)


@pytest.fixture
def compared(records: list[Record], store: Store) -> Comparison:
    return compare_runs(records, store)


def selections(spec: dict[str, object]) -> set[str]:
    params = [*spec.get("params", []), *(each for layer in spec["layer"] for each in layer.get("params", []))]  # type: ignore
    return {each["name"] for each in params}


def test_damage_shows_every_image(found: Summary) -> None:
    frame = changed_predictions.changed_predictions_data(found)
    assert frame["images"].sum() == 10_000
    assert frame.groupby("class")["share"].sum().to_list() == pytest.approx([1.0] * 10)
    lost = found.stage_changes.count("lost") + found.stage_changes.count("recovered")
    right = round(found.record.result["stages"]["dense"]["accuracy"] * 10_000)
    assert f"Pruning lost {lost:,} of {right:,}" in changed_predictions.changed_predictions_title(frame)
    assert changed_predictions.changed_predictions_table(frame).loc["all classes"].sum() == 10_000
    for everything in (False, True):
        assert changed_predictions.SELECTION in selections(
            drawn(changed_predictions.changed_predictions_chart(frame, everything))
        )
    flips = changed_predictions.changed_predictions_data(found, found.flips)
    assert set(flips["band"]) == {"kept", "lost", "gained", "never"}
    assert f"of {right:,} correct predictions were lost" in changed_predictions.changed_predictions_title(flips)


def test_difference_greys_noise_and_is_clickable(store: Store) -> None:
    found = summary(store.find_record(shipped_run("quarter")), store)
    change = found.paired["tuned"].confusion
    frame = confusion_difference.difference_data(change, found.classes)
    assert frame["is_real"].sum() == change.is_significant.sum() > 0
    assert np.array_equal(confusion_difference.difference_table(frame).to_numpy(), change.difference)
    assert (frame.loc[~frame["is_real"], "verdict"].str.contains("not significant|no change")).all()
    mistakes = frame[frame["is_real"] & (frame["true"] != frame["predicted"])]
    top = mistakes.loc[mistakes["difference"].abs().idxmax()]
    words_of_it = f"{abs(top['difference'])} {'more' if top['difference'] > 0 else 'fewer'} images of {top['true']}"
    assert confusion_difference.difference_title(frame).startswith(
        f"{words_of_it} are predicted as {top['predicted']}; "
    )
    spec = drawn(confusion_difference.difference_chart(frame))
    assert confusion_matrix.SELECTION in selections(spec)
    colour = spec["layer"][0]["encoding"]["color"]
    assert colour["condition"]["scale"]["domain"][1] == 0
    assert colour["value"] == palette.NOISE


def test_no_difference_at_all_is_said(record: Record, store: Store) -> None:
    same = summary(record, store, record)
    frame = confusion_difference.difference_data(same.paired["tuned"].confusion, same.classes)
    assert confusion_difference.difference_title(frame, "itself") == "No cell differs significantly from itself"
    drawn(confusion_difference.difference_chart(frame))


def test_a_confusion_cell_may_be_clicked(found: Summary) -> None:
    frame = confusion_matrix.confusion_data(found.record.result["stages"]["tuned"])
    assert confusion_matrix.SELECTION in selections(drawn(confusion_matrix.confusion_chart(frame)))


def test_report_has_changes_beside_its_measures(found: Summary) -> None:
    table = per_class_metrics.changes_table(found.reports["tuned"])
    assert list(table.columns[:3]) == ["class", "precision", "precision_change"]
    assert table["support"].to_list() == [1_000] * 10 + [10_000] * 2


def test_slopes_go_from_the_baseline_to_each_run(compared: Comparison) -> None:
    frame = recall_slopes.slopes_data(compared)
    assert len(frame) == 2 * 6 * 10
    wide = frame.pivot_table(index=["run", "class"], columns="side", values="recall", sort=False)
    ends = frame[frame["side"] == "run"].set_index(["run", "class"])
    assert (wide["run"] - wide["baseline"]).to_list() == pytest.approx(ends["change"].to_list())
    worst = ends["change"].idxmin()
    assert recall_slopes.slopes_title(frame).startswith(f"{worst[1].capitalize()} lost most")
    drawn(recall_slopes.slopes_chart(frame))


def test_overlap_is_symmetric_and_says_which_runs_are_alike(compared: Comparison) -> None:
    frame = shared_error_matrix.shared_errors_data(compared)
    matrix = frame.pivot_table(index="run_id", columns="other_id", values="both").to_numpy()
    assert np.array_equal(matrix, matrix.T)
    assert "Most shared errors" in shared_error_matrix.shared_errors_title(frame)
    drawn(shared_error_matrix.shared_errors_chart(frame))


def test_strip_marks_what_differs(records: list[Record], compared: Comparison, store: Store) -> None:
    frame = schedule_strips.strip_data(compared)
    assert len(frame) == 54
    assert schedule_strips.strip_title(frame).endswith("differ in every block")
    half = [record for record in records if record.result["cost"]["parameters"] == 135_754]
    assert schedule_strips.strip_title(schedule_strips.strip_data(compare_runs(half, store))).startswith("All 2")
    other = replace(half[0], id="f" * 16, result={**half[0].result, "schedule": [8, 8, 8, 16, 9, 16, 32, 32, 31]})
    two = schedule_strips.strip_data(compare_runs([half[0], other], store))
    assert (
        schedule_strips.strip_title(two).replace(fmt.NBSP, " ")
        == "The schedules of 2 runs differ in blocks 5 and 9 only"
    )
    for each in (frame, two):
        drawn(schedule_strips.strip_chart(each))


def test_networks_of_two_depths_are_compared_with_a_warning(records: list[Record], store: Store) -> None:
    shallow, architecture = records[0], Architecture(depth=32)
    spec = {**shallow.spec, **presets(architecture)["moderate"].stored()}
    deep = replace(shallow, id="f" * 16, spec=spec, result={**shallow.result, "schedule": spec["schedule"]})
    compared = compare_runs([shallow, deep], store)
    assert len(compared.differs) == architecture.n_blocks
    assert all(compared.differs[RESNET20.n_blocks :])
    assert [each.words for each in compared.unlike if each.what == "architecture"] == [
        "The architecture differs: ResNet-20 in 1 run; ResNet-32 in 1 run"
    ]
    frame = schedule_strips.strip_data(compared)
    assert len(frame) == RESNET20.n_blocks + architecture.n_blocks
    drawn(schedule_strips.strip_chart(frame))
    assert comparison_table.comparison_title(compared)


@pytest.mark.parametrize("cost", COSTS)
def test_tradeoff_against_each_cost(records: list[Record], cost: str) -> None:
    frame = tradeoff_scatter.tradeoff_data(records, cost)
    front = frame[frame["front"]]
    assert front[cost].is_monotonic_increasing
    assert front["accuracy"].is_monotonic_increasing
    assert tradeoff_scatter.SELECTION in selections(drawn(tradeoff_scatter.tradeoff_chart(frame, cost)))
    assert f"within {run_facts.limit_words()}" in tradeoff_scatter.tradeoff_title(
        frame, cost
    ) or "are enough" in tradeoff_scatter.tradeoff_title(frame)


def test_the_table_has_every_run_and_the_title_the_smallest_good_one(
    compared: Comparison, records: list[Record], store: Store
) -> None:
    frame = comparison_table.comparison_data(compared)
    assert frame["run"].to_list() == [record.id for record in records]
    assert frame["accuracy_change"].to_list() == pytest.approx([row.paired.verdict.difference for row in compared.rows])
    assert comparison_table.comparison_title(compared).startswith("minimal")
    far = compare_runs([record for record in records if "minimal" not in run_facts.label(record)], store)
    closest = max(far.rows, key=lambda row: row.paired.verdict.difference)
    assert f"three-quarters comes closest: {closest.paired.verdict.words}" in comparison_table.comparison_title(far)


def test_a_run_looks_the_same_whatever_else_is_shown(records: list[Record], store: Store) -> None:
    styles = palette.styles(records)
    assert len(set(styles.values())) == len(records)
    assert len({style.marker for style in styles.values()}) == len(records)
    some = records[1:4]
    for frame in (
        tradeoff_scatter.tradeoff_data(some, styles=styles),
        recall_slopes.slopes_data(compare_runs(some, store), styles),
    ):
        shown = frame.groupby("run")[["colour", "marker"]].first()
        assert {run: tuple(row) for run, row in shown.iterrows()} == {
            record.id: tuple(styles[record.id]) for record in some
        }


def test_many_runs_still_differ_and_new_ones_change_no_older_one() -> None:
    ids = [f"{number * 7919:016x}" for number in range(64)]
    styles = palette.run_styles(ids)
    assert len(set(styles.values())) == 64
    assert {run: styles[run] for run in ids[:20]} == palette.run_styles(ids[:20])


def test_labels_are_unique(records: list[Record]) -> None:
    twin = replace(records[0], id="f" * 16)
    names = run_facts.labels([*records, twin])
    assert len(set(names.values())) == 7
    assert names[twin.id].endswith("ffffff")


@pytest.mark.parametrize("block", [1, 4, 9])
def test_filters_of_a_block(records: list[Record], store: Store, block: int) -> None:
    for each in records:
        found = clusters_of(each, block, store)
        n = len(found.labels)
        assert sorted(found.order.tolist()) == list(range(n))
        assert set(found.fates) <= set(FATES)
        assert (found.fates.count("dropped") > 0) == bool((found.labels < 0).any())
        kept = int(found.labels.max()) + 1
        assert kept == each.result["schedule"][block - 1]
        tiles, pairs, tree = (
            filter_clusters.tiles_data(found),
            filter_clusters.correlation_data(found),
            filter_clusters.tree_data(found),
        )
        assert (len(tiles), len(pairs), len(tree)) == (n, n * n, 4 * (n - 1))
        assert f"became {kept}" in filter_clusters.clusters_title(found)
        if each.spec["method"] == "source":
            assert 0 < found.cluster_lost.sum() < 1
            assert "k-means" in filter_clusters.clusters_notes(found)[1]
        else:
            assert found.fates.count("stays") == kept
    for chart in (filter_clusters.correlation_chart(pairs), filter_clusters.tree_chart(tree)):
        drawn(chart)


def test_a_ward_tree_is_cut_where_the_run_cut_it(record: Record, store: Store) -> None:
    from roboreg_core.pruning import filter_similarity
    from roboreg_core.pruning.clustering import cluster
    from roboreg_core.pruning.methods import parse
    from roboreg_core.runs.dense_network import dense_network

    method = parse("filter/ward/centroid/sum")
    rows, _ = filter_similarity.feature_rows(dense_network(record, store), 2, method)
    labels = cluster(rows.astype(np.float32), 8, 0, "ward").labels.tolist()
    blocks = [dict(each) for each in record.result["pruning"]["blocks"]]
    blocks[1]["labels"] = labels
    changed = replace(
        record,
        spec={**record.spec, "method": method.notation},
        result={**record.result, "pruning": {**record.result["pruning"], "blocks": blocks}},
    )
    found = clusters_of(changed, 2, store)
    tree = filter_clusters.tree_data(found)
    assert found.cut
    merges = tree[tree["corner"] == 1]
    assert ((merges["height"] < merges["cut"]) == (merges["done"] == "yes")).all()
    assert merges.loc[merges["done"] == "yes", "lost"].sum() == pytest.approx(found.cluster_lost.sum())
    drawn(filter_clusters.tree_chart(tree))


def test_filters_that_cannot_be_shown_say_why(record: Record, store: Store) -> None:
    with pytest.raises(SpecError, match=r"a block must be 1\.\.9, got 10"):
        clusters_of(record, 10, store)
    lost = replace(record, spec={**record.spec, "dense_sha256": "0" * 64})
    with pytest.raises(StoreError, match="was removed"):
        clusters_of(lost, 1, store)


def test_a_paired_verdict_makes_a_change(found: Summary) -> None:
    verdict = found.paired["tuned"].verdict
    change = run_facts.judged(run_facts.accuracy(found.record), run_facts.accuracy(found.record, "dense"), verdict)
    assert (change.verdict, change.margin) == ("loss", verdict.margin)
    assert f"costs {abs(verdict.difference) * 100:.1f}" in run_facts.finding(found.record, change)
