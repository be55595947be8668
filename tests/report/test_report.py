"""A report is complete, harmless whatever the names in it, and says what the record says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from roboreg_core import paths
from roboreg_core.charts import words
from roboreg_core.errors import ReportError
from roboreg_core.report import svg
from roboreg_core.report.comparison import comparison_document, unlike
from roboreg_core.report.make import report_html
from roboreg_core.report.page import to_html
from roboreg_core.runs.spec import KIND
from roboreg_core.schedule import PRESETS
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from tests.charts.records import make_record
from tests.report.reading import Reader

MOST_BYTES = 3_000_000
# Markup, quotes, emoji, text from right to left, control characters, addresses, and 10,000 characters.
NASTY = (
    '</title></style><script>alert(1)</script><img src=x onerror=alert(1)> "\'` onload=alert(1) x=" \\ '
    "\U0001f469\u200d\U0001f52c \u202e\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \x00\x1b[31m "
    "url(https://example.org/x) javascript:alert(1) @import 'https://example.org' " + "x" * 10_000
)
NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    store = Store(tmp_path_factory.mktemp("report") / "home", shipped=paths.recorded())
    return store.list_records(KIND)


@pytest.fixture(scope="module")
def record(records: list[Record]) -> Record:
    return next(
        each for each in records if each.spec["method"] == "refit" and each.result["cost"]["parameters"] == 135_754
    )


@pytest.fixture(scope="module")
def page(record: Record) -> str:
    return report_html([record])


@pytest.fixture(scope="module")
def compared(records: list[Record]) -> str:
    return report_html(records)


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
    assert [
        value for key, value in attributes if key == "style" and not re.fullmatch(r"background:#\w{6}", value)
    ] == []
    ids = [value for key, value in attributes if key == "id"]
    assert len(ids) == len(set(ids))
    return read


@pytest.mark.parametrize("which", ["page", "compared"])
def test_nothing_runs_and_nothing_is_loaded(which: str, request: pytest.FixtureRequest) -> None:
    text = request.getfixturevalue(which)
    assert_complete_and_harmless(text)
    assert "<script" not in text.lower()
    assert not re.search(r"https?://|src=|url\(|@import|javascript:", text.replace(NAMESPACE, ""))


def test_names_do_no_harm() -> None:
    plain = make_record(notes=[NASTY])
    named = replace(
        plain,
        spec={**plain.spec, "dense": NASTY, "method": NASTY, "preset": NASTY},
        result={
            **plain.result,
            "command": f"python -m roboreg_core run --from {NASTY}",
            "environment": {**plain.result["environment"], "device": NASTY},
        },
    )
    read = assert_complete_and_harmless(report_html([named]))
    shown = re.sub("[\x00\x1b]", "\ufffd", NASTY)
    assert read.text.count(shown) >= 4
    other = make_record(PRESETS["quarter"], identity="b" * 16)
    assert shown in assert_complete_and_harmless(report_html([named, other])).text


def test_every_figure_is_the_records(record: Record, page: str) -> None:
    read, result = Reader(page), record.result
    stages = {row[0]: row for row in read.tables["On 10,000 test images"]}
    for stage, name in {"dense": "dense", "pruned": "pruned", "tuned": "fine-tuned"}.items():
        report = result["stages"][stage]
        assert stages[name][1:3] == [words.percent(report["accuracy"], 2), f"{report['loss']:.4f}"]
    rows = {row[0]: row for row in read.tables["The fine-tuned network, class by class"]}
    for row, dense in zip(result["stages"]["tuned"]["per_class"], result["stages"]["dense"]["per_class"], strict=True):
        shown = [words.percent(row[each]) for each in ("precision", "recall", "f1")]
        assert rows[row["name"]][1:5] == [*shown, "1,000"]
        assert rows[row["name"]][6] == words.signed_points(row["recall"] - dense["recall"])
    matrix = [[int(each) for each in row[1:]] for row in read.tables["As table"][1:]]
    assert matrix == result["stages"]["tuned"]["confusion"]
    layers = {row[0]: row for row in read.tables["Layer by layer"]}
    for layer in result["cost"]["layers"]:
        shown = [layers[layer["name"]][place] for place in (2, 4, 7)]
        assert shown == [str(layer["outputs"]), f"{layer['parameters']:,}", f"{layer['macs']:,}"]
    assert [row[4] for row in read.tables["Epoch by epoch"][1:]] == [
        words.percent(each["validation_accuracy"], 2) for each in result["history"]
    ]
    timed = {row[0]: row for row in read.tables["As measured"]}
    assert timed["pruned, batch 1"][1] == f"{result['latency']['final_batch_1']['median'] * 1e3:,.2f}"


def test_every_number_is_kept_unrounded(record: Record, page: str) -> None:
    kept = {value for value, _ in Reader(page).numbers}
    for report in record.result["stages"].values():
        assert {report["accuracy"], report["loss"]} <= kept
    for row in record.result["stages"]["tuned"]["per_class"]:
        assert {row["precision"], row["recall"], row["f1"]} <= kept
    assert {record.result["cost"]["parameters"], record.result["cost"]["macs"]} <= kept


def test_it_says_how_to_get_the_figures_again(record: Record, page: str) -> None:
    text = Reader(page).text
    artifacts = record.result["artifacts"]
    for wanted in (record.result["command"], record.id, record.spec["dense_sha256"], *artifacts.values()):
        assert wanted in text
    assert record.result["environment"]["torch"] in text


def test_the_same_run_gives_the_same_text(record: Record, page: str) -> None:
    assert report_html([record]) == page


def test_a_run_without_fine_tuning_has_no_curves() -> None:
    read = assert_complete_and_harmless(report_html([make_record(rights=(920, 500))]))
    assert "Epoch by epoch" not in read.tables
    assert "without fine-tuning" in read.text


def test_a_comparison_shows_each_run_against_the_first(records: list[Record], compared: str) -> None:
    rows = Reader(compared).tables["After the last stage, on 10,000 test images"][1:]
    first = records[0].result["stages"]["tuned"]["accuracy"]
    for record, row in zip(records, rows, strict=True):
        accuracy = record.result["stages"]["tuned"]["accuracy"]
        change = "baseline" if record is records[0] else words.signed_points(accuracy - first, 2)
        assert row[1:3] == [words.percent(accuracy, 2), change]
        assert row[4] == f"{record.result['cost']['parameters']:,}"


def test_another_baseline_turns_the_signs(records: list[Record]) -> None:
    def change(pair: list[Record]) -> float:
        rows = Reader(to_html(comparison_document(pair))).tables["After the last stage, on 10,000 test images"]
        return float(rows[2][2].replace(words.MINUS, "-").split(words.NBSP)[0])

    pair = records[:2]
    assert change(pair) == -change(pair[::-1]) != 0


def test_paired_verdicts_take_the_place_of_margins(records: list[Record]) -> None:
    pair = records[:2]
    text = to_html(comparison_document(pair, {pair[1].id: "lost 0.4 points, real (p = 0.003)"}))
    assert "lost 0.4 points, real (p = 0.003)" in text
    assert "independent" not in text


def test_runs_that_are_not_like_for_like_are_said_to_be() -> None:
    one, other = make_record(), make_record(PRESETS["quarter"], identity="b" * 16)
    assert unlike([one, other]) == []
    differing = replace(other, spec={**other.spec, "seed": 5, "training_set": "full"})
    assert [text.split("differ in ")[1] for text in unlike([one, differing])] == [
        "training images (bundled, full).",
        "seed (0, 5).",
    ]


@pytest.mark.parametrize("count", [0, 17])
def test_a_comparison_takes_two_to_sixteen_runs(count: int) -> None:
    with pytest.raises(ReportError, match=rf"2\.\.16 runs, got {count}"):
        comparison_document([make_record(identity=f"{place:016x}") for place in range(count)])
    with pytest.raises(ReportError, match="each run once"):
        comparison_document([make_record(), make_record()])


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
        svg._stripped(f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>', "a", "alt")


def test_parts_of_a_drawing_get_names_of_their_own() -> None:
    drawing = '<svg xmlns="http://www.w3.org/2000/svg" onload="x"><g id="clip0" clip-path="url(#clip0)"/></svg>'
    text = svg._stripped(drawing, "chart", 'a "quoted" <alt>').html
    assert 'id="chart-clip0" clip-path="url(#chart-clip0)"' in text
    assert "onload" not in text
    assert "<alt>" not in text
