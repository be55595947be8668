"""A report is complete, harmless whatever the names in it, and has the figures of the record."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import altair as alt
import pandas as pd
import pytest

from roboreg_core import paths
from roboreg_core.charts import palette
from roboreg_core.errors import ReportError, SpecError
from roboreg_core.report import svg
from roboreg_core.report.html_report import report_html
from roboreg_core.runs.comparison import compare_runs
from roboreg_core.runs.spec import KIND
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.wording import fmt
from roboreg_core.wording.run_metrics import METRICS
from tests.charts.records import make_record
from tests.report.reading import Reader

MOST_BYTES = 3_000_000
# Markup, quotes, template tags, emoji, right-to-left text, control characters, addresses, and 10,000 characters.
NASTY = (
    '</title></style><script>alert(1)</script><img src=x onerror=alert(1)> "\'` onload=alert(1) x=" \\ '
    "{{ 7 * 7 }} {% raw %} {% include 'report.css' %} {{ record.spec }} {# comment #} "
    "\U0001f469\u200d\U0001f52c \u202e\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \x00\x1b[31m "
    "url(https://example.org/x) javascript:alert(1) @import 'https://example.org' " + "x" * 10_000
)
NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("report") / "home", shipped=paths.recorded())


@pytest.fixture(scope="module")
def records(store: Store) -> list[Record]:
    return store.list_records(KIND)


@pytest.fixture(scope="module")
def record(records: list[Record]) -> Record:
    return next(
        each for each in records if each.spec["method"] == "refit" and each.result["cost"]["parameters"] == 135_754
    )


@pytest.fixture(scope="module")
def page(record: Record, store: Store) -> str:
    return report_html([record], store)


@pytest.fixture(scope="module")
def compared(records: list[Record], store: Store) -> str:
    return report_html(records, store)


@pytest.fixture(scope="module")
def found(record: Record, store: Store) -> Summary:
    return summary(record, store)


@pytest.fixture(scope="module")
def printed(found: Summary) -> dict[str, Any]:
    """The output of `runs show RUN --json`."""
    return found.to_json()


def assert_complete_and_harmless(page: str) -> Reader:
    assert len(page.encode()) < MOST_BYTES
    read = Reader(page)
    names = {name for name, _ in read.elements}
    assert not names & {
        "script",
        "img",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "image",
        "use",
        "a",
        "video",
    }
    attributes = [(key, value) for _, given in read.elements for key, value in given.items()]
    assert not [key for key, _ in attributes if key.startswith("on") or key in {"src", "href", "xlink:href", "srcset"}]
    assert [value for key, value in attributes if key == "style" and not re.fullmatch(r"color:#\w{6}", value)] == []
    ids = [value for key, value in attributes if key == "id"]
    assert len(ids) == len(set(ids))
    return read


@pytest.mark.parametrize("which", ["page", "compared"])
def test_nothing_runs_and_nothing_is_loaded(which: str, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(which)
    assert_complete_and_harmless(text)
    assert "<script" not in text.lower()
    assert not re.search(r"https?://|src=|url\((?!#)|@import|javascript:", text.replace(NAMESPACE, ""))


def test_names_do_no_harm(record: Record, store: Store) -> None:
    named = replace(
        record,
        spec={**record.spec, "dense": NASTY, "method": NASTY, "preset": NASTY},
        result={
            **record.result,
            "command": f"python -m roboreg_core run --from {NASTY}",
            "environment": {**record.result["environment"], "device": NASTY},
            "pruning": {**record.result["pruning"], "notes": [NASTY]},
        },
    )
    read = assert_complete_and_harmless(report_html([named], store))
    shown = re.sub("[\x00\x1b]", "\ufffd", NASTY)
    assert read.text.count(shown) >= 4
    other = next(each for each in store.list_records(KIND) if each.id != record.id)
    assert shown in assert_complete_and_harmless(report_html([named, other], store)).text


def test_every_figure_is_the_command_lines(record: Record, page: str, found: Summary, printed: dict[str, Any]) -> None:
    read, result = Reader(page), record.result
    stages = {row[0]: row for row in read.tables["On 10,000 test images"]}
    for stage, name in {"dense": "dense", "pruned": "pruned", "tuned": "fine-tuned"}.items():
        report, paired = result["stages"][stage], printed["paired"][stage]
        assert stages[name][1:3] == [fmt.percent(report["accuracy"], 2), f"{report['loss']:.4f}"]
        if stage != "dense":
            assert stages[name][3] == fmt.signed_points(paired["verdict"]["difference"], 2)
            assert stages[name][5:7] == [f"{paired['flips'][each]:,}" for each in ("lost", "gained")]
            assert stages[name][7] == found.paired[stage].verdict.words
    rows = {row[0]: row for row in read.tables["Per-class metrics of the fine-tuned network, against dense"]}
    for row in printed["report"]["tuned"]:
        shown = [
            text
            for each in ("precision", "recall", "f1")
            for text in (fmt.percent(row[each]), fmt.signed_points(row[f"{each}_change"]))
        ]
        assert rows[row["name"]][1:8] == [*shown, f"{row['support']:,}"]
    for name, flips in zip(printed["classes"], found.paired["tuned"].per_class, strict=True):
        assert rows[name][8] == flips.verdict.words
    confusion = printed["paired"]["tuned"]["confusion"]
    for caption, field in (("Confusion matrix as table", "after"), ("Difference as table", "difference")):
        assert [[int(each) for each in row[1:]] for row in read.tables[caption][1:]] == confusion[field]
    assert confusion["after"] == result["stages"]["tuned"]["confusion"]
    assert len(read.tables["Significantly changed cells"]) - 1 == sum(map(sum, confusion["is_real"]))
    bands = [int(row[2].replace(",", "")) for row in read.tables["Images by change of prediction"][1:]]
    assert bands == [band["images"] for band in printed["damage"].values()]
    by_class = [
        [int(each) for each in row[1:]] for row in read.tables["Images by change of prediction and class"][1:11]
    ]
    assert [list(row) for row in zip(*by_class, strict=True)] == [
        band["per_class"] for band in printed["damage"].values()
    ]
    layers = {row[0]: row for row in read.tables["Cost per layer"]}
    for layer in printed["layers"]:
        shown = [layers[layer["layer"]][place] for place in (2, 4, 7)]
        assert shown == [str(layer["filters"]), f"{layer['parameters']:,}", f"{layer['macs']:,}"]
    assert [row[4] for row in read.tables["Fine-tuning epochs"][1:]] == [
        fmt.percent(each["validation_accuracy"], 2) for each in result["history"]
    ]
    timed = {row[0]: row for row in read.tables["Measured latency and throughput"]}
    assert timed["pruned, batch 1"][1] == f"{printed['speed']['1']['final']['milliseconds']:,.2f}"


def test_every_number_is_kept_unrounded(record: Record, page: str, printed: dict[str, Any]) -> None:
    kept = {value for value, _ in Reader(page).numbers}
    for report in record.result["stages"].values():
        assert {report["accuracy"], report["loss"]} <= kept
    for row in record.result["stages"]["tuned"]["per_class"]:
        assert {row["precision"], row["recall"], row["f1"]} <= kept
    assert {record.result["cost"]["parameters"], record.result["cost"]["macs"]} <= kept
    verdict = printed["paired"]["tuned"]["verdict"]
    assert {verdict["difference"], verdict["margin"]} <= kept


def test_it_says_how_to_get_the_figures_again(record: Record, page: str) -> None:
    text = Reader(page).text
    artifacts = record.result["artifacts"]
    for wanted in (record.result["command"], record.id, record.spec["dense_sha256"], *artifacts.values()):
        assert wanted in text
    assert record.result["environment"]["torch"] in text


def test_the_same_run_gives_the_same_text(record: Record, page: str, store: Store) -> None:
    assert report_html([record], store) == page


def test_a_run_without_fine_tuning_has_no_curves(record: Record, store: Store) -> None:
    stages = {stage: report for stage, report in record.result["stages"].items() if stage != "tuned"}
    result = {**record.result, "stages": stages, "history": [], "best_epoch": None}
    untuned = replace(record, spec={**record.spec, "epochs": 0}, result=result)
    read = assert_complete_and_harmless(report_html([untuned], store))
    assert "Fine-tuning epochs" not in read.tables
    assert "without fine-tuning" in read.text


def test_a_run_is_shown_against_another(records: list[Record], store: Store) -> None:
    record, other = records[:2]
    text = report_html([record], store, other)
    found = summary(record, store, other)
    row = Reader(text).tables["On 10,000 test images"][-1]
    assert row[7] == found.paired["tuned"].verdict.words
    assert f"--baseline {other.id}" in text
    assert all(each.words in Reader(text).text for each in found.unlike)


@pytest.mark.parametrize("place", [None, 0, 2])
def test_every_figure_of_a_comparison_is_the_command_lines(
    records: list[Record], store: Store, place: int | None
) -> None:
    baseline = None if place is None else records[place]
    found = compare_runs(records, store, baseline)
    printed, page = found.to_json(), report_html(records, store, baseline)
    read = Reader(page)
    figures = read.tables["Accuracy on 10,000 test images"][1:]
    costs, changes = (
        read.tables["Cost"][1:],
        read.tables["Change of recall per class in percentage points, coloured if significant"][1:],
    )
    strips = read.tables["Filters per block"][1:]
    for run, compared, row, cost, change, strip in zip(
        printed["runs"], found.rows, figures, costs, changes, strips, strict=True
    ):
        assert row[0][0] in {characters[0] for characters in palette.MARKER_CHARACTERS.values()}
        assert row[1] == fmt.percent(run["accuracy"]["value"], 2)
        assert [cost[1], cost[3]] == [
            f"{run['counts']['parameters']['value']:,}",
            fmt.millions(run["counts"]["macs"]["value"]),
        ]
        assert cost[5] == METRICS["latency"].text(run["counts"]["latency"]["value"])
        assert cost[7].count(",") + bool(cost[7]) == sum(run["front"].values())
        assert strip[1:] == [str(count) for count in run["schedule"]]
        if run["run"] == printed["baseline"]:
            assert row[5] == "baseline"
            continue
        assert [row[2], row[5]] == [
            fmt.signed_points(run["verdict"]["difference"], 2),
            compared.paired.verdict.words,
        ]
        assert cost[2] == fmt.signed_percent(run["counts"]["parameters"]["relative"])
        assert change[1:] == [fmt.signed(each["difference"] * 100) for each in run["recalls"]]
    pairs = {row[0]: row[1] for row in read.tables["Pairs of runs"][1:]}
    upper = [count for i, row in enumerate(printed["overlap"]["counts"]) for count in row[i + 1 :]]
    assert sorted(int(each.replace(",", "")) for each in pairs.values()) == sorted(upper)
    assert all(each["words"] in read.text for each in printed["unlike"])


def test_another_baseline_turns_the_signs(records: list[Record], store: Store) -> None:
    def change(baseline: Record, row: int) -> str:
        page = report_html(records[:2], store, baseline)
        return Reader(page).tables["Accuracy on 10,000 test images"][row][2]

    there, back = change(records[0], 2), change(records[1], 1)
    assert there.replace("+", fmt.MINUS) == back.replace("+", fmt.MINUS)
    assert {there[0], back[0]} == {"+", fmt.MINUS}


@pytest.mark.parametrize("count", [0, 17])
def test_a_comparison_takes_two_to_sixteen_runs(store: Store, count: int) -> None:
    with pytest.raises(SpecError, match=rf"2 to 16 runs, got {count}"):
        report_html([make_record(identity=f"{place:016x}") for place in range(count)], store)


@pytest.mark.parametrize(
    "inside",
    [
        "<script>1</script>",
        '<image href="https://example.org/x"/>',
        "<foreignObject/>",
        '<path fill="url(https://example.org/x)"/>',
        '<path fill="javascript:1"/>',
    ],
)
def test_a_drawing_with_more_than_shapes_is_refused(inside: str) -> None:
    with pytest.raises(ReportError, match="leave it out"):
        svg._sanitized(f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>', "a", "alt")


def test_a_drawing_survives_signs_that_no_page_can_hold() -> None:
    chart = alt.Chart(pd.DataFrame({"run": ["a\x00b\x1b"], "n": [1]})).mark_bar().encode(x="n:Q", y="run:N")
    assert "a\ufffdb\ufffd" in svg.figure(chart.properties(description="alt"), "a", "title").svg


def test_parts_of_a_drawing_get_names_of_their_own() -> None:
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" onload="x"><g id="clip0" clip-path="url(#clip0)"/></svg>'
    text = svg._sanitized(drawing, "chart", 'a "quoted" <alt>')
    assert 'id="chart-0" clip-path="url(#chart-0)"' in text
    assert "onload" not in text
    assert "<alt>" not in text
