"""Compare and Overview without a browser: one source of figures, addresses, filters, what is missing, presenting."""

from __future__ import annotations

import html as escaping
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from roboreg_core import paths
from roboreg_core.charts import tradeoff_scatter
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules import saved_schedules
from roboreg_core.schedules.saved_schedules import ScheduleDraft
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.database import Database
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.ui import presentation
from roboreg_core.wording import fmt, run_facts, run_filter
from roboreg_core.wording.run_facts import counted
from roboreg_core.wording.run_filter import RunFilter
from tests.charts.records import make_record
from tests.command_line import CommandLine
from tests.schedules.test_saved_schedules import HARMLESS
from tests.shipped_runs import shipped_run
from tests.ui.conftest import restart
from tests.ui.test_pages import Open, Put, click, counts, said
from tests.ui.test_saved_pages import html

RECORDED = paths.PROJECT / "checkpoints" / "recorded"
NASTY = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "\U0001f600 \u05e9\u05dc\u05d5\u05dd",
    "x" * 10_000,
]


@pytest.fixture
def recorded(store: Store, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[list[Record]]:
    """The recorded runs, as the pages find them too."""
    monkeypatch.setattr(paths, "recorded", lambda: RECORDED)
    restart()
    opened = Store(home, shipped=RECORDED)
    yield opened.list_records(KIND)
    opened.close()


@pytest.fixture
def three(put: Put) -> list[Record]:
    """Own runs: half and a quarter of the filters, and one that the source's method made."""
    half = put(rights=(920, 500, 917), identity="a" * 16)
    quarter = put(make_record(presets()["quarter"], rights=(920, 200, 850), identity="b" * 16))
    other = make_record(presets()["minimal"], rights=(920, 900, 930), identity="c" * 16)
    return [half, quarter, put(replace(other, spec={**other.spec, "method": "source"}))]


def ids(records: list[Record]) -> str:
    return ",".join(record.id for record in records)


def cells(app: AppTest) -> dict[str, list[str]]:
    """The table of figures: a run's name (or `Dense network`) -> its cells, as text."""
    body = next(text for text in (each.proto.body for each in app.get("html")) if "<table" in text)
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", body)]
    plain = [[" ".join(escaping.unescape(re.sub("<[^>]*>", " ", cell)).split()) for cell in row] for row in rows[1:]]
    return {re.sub(r"^\W+|( example| yours)$", "", row[0]): row[1:] for row in plain}


def frames(app: AppTest) -> dict[str, object]:
    """Columns joined -> each table of the page."""
    return {",".join(map(str, each.value.columns[:3])): each.value for each in app.dataframe}


def spoken(text: str) -> str:
    return text.replace(fmt.NBSP, " ")


@pytest.mark.parametrize("baseline", ["dense", shipped_run("minimal")])
def test_every_figure_is_the_command_lines(
    roboreg: CommandLine, open_page: Open, recorded: list[Record], baseline: str
) -> None:
    baseline = next((record.id for record in recorded if record.id.startswith(baseline)), baseline)
    app = open_page("compare", runs=ids(recorded), baseline=baseline)
    reported = roboreg.answer("compare", *(record.id for record in recorded), "--baseline", baseline)
    labels = run_facts.labels(recorded)
    table = cells(app)
    assert len(reported["runs"]) == 6
    for run in reported["runs"]:
        accuracy, verdict, *rest = table[spoken(labels[run["run"]])]
        if run["run"] == baseline:
            assert verdict == "baseline"
            assert accuracy == spoken(fmt.percent(run["accuracy"]["value"], 2))
            continue
        change = fmt.signed_points(run["accuracy"]["difference"], 2)
        assert accuracy == spoken(f"{fmt.percent(run['accuracy']['value'], 2)} {change}")
        assert verdict == run["verdict"]["words"]
        worst = min(range(10), key=lambda each, run=run: run["recalls"][each]["value"])  # type: ignore[misc]
        recall = run["recalls"][worst]
        assert rest[0] == spoken(
            f"{reported['classes'][worst]} {fmt.percent(recall['value'])} {fmt.signed_points(recall['difference'], 2)}"
        )
        for cell, (name, shown) in zip(rest[1:3], (("parameters", fmt.count), ("macs", fmt.millions)), strict=False):
            pair = run["counts"][name]
            assert cell == spoken(f"{shown(pair['value'])} {fmt.signed_percent(pair['relative'])}")
        assert rest[4] == (
            ", ".join(tradeoff_scatter.COST_WORDS[cost] for cost, best in run["front"].items() if best) or "–"
        )
    data = frames(app)
    csv = data["run,label,origin"]
    assert csv["accuracy_change"].tolist() == pytest.approx([run["accuracy"]["difference"] for run in reported["runs"]])
    assert csv["accuracy_verdict"].tolist() == [run["verdict"]["words"] for run in reported["runs"]]
    slopes = data["run,label,class"]
    others = [run for run in reported["runs"] if run["run"] != baseline]
    assert slopes["change"].tolist() == pytest.approx([r["difference"] for run in others for r in run["recalls"]])
    assert slopes["verdict"].tolist() == [r["verdict"]["words"] for run in others for r in run["recalls"]]
    overlap = data["run,other,run_id"]
    assert overlap["both"].tolist() == [count for row in reported["overlap"]["counts"] for count in row]
    strip = data["run,label,block"]
    assert strip["kept"].tolist() == [kept for run in reported["runs"] for kept in run["schedule"]]
    for each in reported["unlike"]:
        assert spoken(each["words"]) in said(app).replace("\\", "")


def test_the_first_sentence_is_the_finding(open_page: Open, three: list[Record]) -> None:
    app = open_page("compare", runs=ids(three))
    first = next(each.value for each in app.markdown if each.value.startswith("###"))
    assert "### Minimal" in first
    assert "is the smallest run with no significant loss" in first
    assert "The method" not in said(app), "a method is what is compared, no reason for a warning"


def test_another_baseline_turns_the_signs(open_page: Open, three: list[Record]) -> None:
    app = open_page("compare", runs=ids(three[:2]), baseline=three[0].id)
    assert cells(app)["quarter"][0].endswith("−6.70 pp")
    app.selectbox(key="compare-baseline").set_value(three[1].id).run()
    assert app.query_params["baseline"] in (three[1].id, [three[1].id])
    assert cells(app)["moderate"][0].endswith("+6.70 pp")
    assert cells(app)["quarter"][1] == "baseline"


def test_a_filter_and_an_order_hold_for_every_chart(open_page: Open, three: list[Record]) -> None:
    app = open_page("compare", runs=ids(three), sort="accuracy", **{"only-method": "refit"})
    assert "Showing 2 of 3 runs" in said(app)
    order = [three[0].id, three[1].id]
    for key, frame in frames(app).items():
        column = "run_id" if key.startswith("run,other") else "run"
        found = list(dict.fromkeys(frame[column]))  # type: ignore[index]
        assert sorted(found) == sorted(order) if "accuracy" in key or "stage" in key else found == order
    app.number_input(key="least-accuracy").set_value(90.0).run()
    assert "1 of 3 runs pass the filters" in said(app)
    click(app, "clear-filters")
    assert len(cells(app)) == 4
    assert "only-method" not in app.query_params


@pytest.mark.parametrize("junk", NASTY)
def test_what_is_unknown_is_said_and_the_others_are_shown(open_page: Open, three: list[Record], junk: str) -> None:
    app = open_page("compare", runs=f"{ids(three[:2])},{junk}", sort=junk, metric=junk, baseline=junk)
    assert any("No run here has the id" in each.value for each in app.error)
    assert max(len(each.value) for each in app.error) < 400
    assert len(cells(app)) == 3
    assert not any("<script" in text or "<img" in text for text in html(app).splitlines())


@pytest.mark.parametrize("name", NASTY)
def test_names_of_any_kind_do_no_harm(open_page: Open, three: list[Record], put: Put, name: str) -> None:
    odd = make_record(presets()["quarter"], rights=(920, 200, 840), identity="d" * 16)
    odd = put(replace(odd, spec={**odd.spec, "method": name, "dense": name}))
    app = open_page("compare", runs=ids([*three, odd]))
    assert len(app.get("html")) > 1
    assert not any(bad in html(app) for bad in ("<script", "<img"))
    assert max(len(each.value) for each in app.warning) < 2_000
    assert "Dense network" not in cells(app) or len(cells(app)) == 5
    app = open_page("overview")
    assert len(app.dataframe[-1].value) == 4


def test_a_deleted_run_is_said_and_comes_back(open_page: Open, three: list[Record], store: Store) -> None:
    store.soft_delete_record(three[1].id)
    app = open_page("compare", runs=ids(three))
    assert any("was deleted" in each.value for each in app.warning)
    assert len(cells(app)) == 3
    click(app, f"restore-{three[1].id}")
    assert len(cells(app)) == 4


def test_too_few_and_too_many(open_page: Open, put: Put) -> None:
    put(rights=(920, 500, 900), identity="a" * 16)
    assert "Only one run yet" in said(open_page("compare"))
    runs = [put(identity=f"{number:016x}") for number in range(18)]
    app = open_page("compare", runs=ids(runs))
    assert "At most 16 runs can be compared; 2 runs omitted" in said(app)
    assert len(cells(app)) == 17


def test_a_comparison_can_be_begun_by_one_click(open_page: Open, three: list[Record]) -> None:
    app = open_page("compare")
    assert "Choose 2 to 16 runs to compare" in said(app)
    click(app, "compare-start-newest")
    assert len(cells(app)) == 4
    app.multiselect(key="compare-runs").set_value([three[0].id, three[2].id]).run()
    assert set(cells(app)) == {"Dense network", "moderate", "minimal · method source"}


@pytest.mark.parametrize("name", HARMLESS)
def test_overview_finds_runs_by_saved_names(open_page: Open, three: list[Record], store: Store, name: str) -> None:
    saved_schedules.save(store, ScheduleDraft(name=name, schedule=presets()["quarter"]))
    app = open_page("overview", find=name[:100])
    assert app.dataframe[-1].value["run"].tolist() == [run_facts.label(three[1])]


def test_overview_filters_chart_and_table(open_page: Open, three: list[Record]) -> None:
    app = open_page("overview", **{"show-method": "refit", "show-preset": "moderate", "show-origin": "own"})
    assert [len(frame) for frame in (each.value for each in app.dataframe)] == [2, 1]
    assert "Showing 1 of 3 runs" in said(app)
    app.selectbox(key="show-origin").set_value("recorded").run()
    assert "None of 3 runs passes these filters" in said(app)
    click(app, "clear-filters")
    assert len(app.dataframe[-1].value) == 3


def test_overview_tiles_are_the_command_lines(roboreg: CommandLine, open_page: Open, recorded: list[Record]) -> None:
    app = open_page("overview")
    best = run_facts.best_run(recorded)
    assert best is not None
    reported = roboreg.answer("runs", "show", best.id)
    worst = reported["worst_class"]["tuned"]
    flops = counted(reported["counts"]["flops"]["value"], reported["counts"]["flops"]["baseline"])
    assert counts(app)[:4] == [
        fmt.percent(reported["accuracy"]["tuned"]),
        fmt.count(reported["counts"]["parameters"]["value"]),
        fmt.millions(flops.value),
        fmt.percent(worst["recall"]),
    ]
    assert app.metric[0].delta == fmt.signed_points(reported["paired"]["tuned"]["verdict"]["difference"])
    assert app.metric[3].delta == fmt.signed_points(worst["recall_change"])


def test_overview_offers_presets(open_page: Open) -> None:
    text = said(open_page("overview"))
    for name in ("Dense", "Minimal", "Moderate", "Aggressive"):
        assert f"**{name}**" in text


def test_presenting_stays_over_pages_and_in_the_address(open_page: Open, three: list[Record]) -> None:
    app = open_page("compare", runs=ids(three), present="1")
    assert app.toggle(key="present").value
    assert ".stPopover" in html(app)
    app.switch_page("pages/overview.py").run()
    assert app.toggle(key="present").value
    assert app.query_params["present"] in ("1", ["1"])
    app.toggle(key="present").set_value(False).run()
    assert ".stPopover" not in html(app)
    assert "present" not in app.query_params


def test_a_presented_chart_is_larger_and_the_given_one_stays() -> None:
    spec = {"height": 100, "layer": [{"mark": {"type": "text", "fontSize": 10}}], "datasets": {"a": [{"fontSize": 10}]}}
    before = json.dumps(spec)
    large = presentation.enlarged(spec)
    assert json.dumps(spec) == before
    assert large["height"] > 100
    assert large["layer"][0]["mark"]["fontSize"] > 10
    assert large["datasets"] == spec["datasets"]


def test_filters_and_orders() -> None:
    small = make_record(presets()["quarter"], rights=(920, 200, 850), identity="a" * 16)
    large = make_record(presets()["minimal"], rights=(920, 900, 910), identity="b" * 16, recorded=True)
    runs = [small, large]
    for conditions, kept in (
        (RunFilter(), runs),
        (RunFilter(accuracy=0.85), [large]),
        (RunFilter(worst=0.8), [large]),
        (RunFilter(parameters=0.5), [small]),
        (RunFilter(origin="recorded"), [large]),
        (RunFilter(preset="quarter"), [small]),
        (RunFilter(method="source"), []),
        (RunFilter(text="MINIMAL seed"), [large]),
        (RunFilter(text="aaaa"), [small]),
    ):
        assert run_filter.chosen(runs, conditions) == kept
    for order, (_, by, _) in run_filter.ORDERS.items():
        ordered = run_filter.chosen(runs, RunFilter(), order)
        assert sorted(each.id for each in ordered) == ["a" * 16, "b" * 16]
        assert by is not None or ordered == runs
    assert run_filter.chosen(runs, RunFilter(), "accuracy") == [large, small]
    assert run_filter.chosen(runs[::-1], RunFilter(), "parameters") == [small, large]


@pytest.mark.parametrize("page", ["overview", "compare"])
def test_a_page_reads_the_store_as_often_with_200_runs_as_with_20(
    open_page: Open, put: Put, store: Store, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    like = put(rights=(920, 500, 915), identity="a" * 16)
    query = {"runs": ",".join(f"{number:016x}" for number in range(16))} if page == "compare" else {}
    reads: list[object] = []
    for owner, name in ((Database, "read"), (type(store.artifacts), "get")):
        monkeypatch.setattr(owner, name, counted_calls(getattr(owner, name), reads))

    def reads_with(runs: int) -> list[int]:
        for number in range(runs):
            store.put_record(replace(like, id=f"{number:016x}", spec={**like.spec, "seed": number}))
        st.cache_data.clear()
        app, counts = open_page(page, **query), []
        for _ in range(2):
            reads.clear()
            app.run()
            counts.append(len(reads))
        return counts

    few = reads_with(20)
    assert min(few) > 0
    assert reads_with(200) == few


def counted_calls(function: Callable[..., Any], calls: list[object]) -> Callable[..., Any]:
    """The function, noting each call."""

    def noted(*given: Any, **named: Any) -> Any:
        calls.append(function)
        return function(*given, **named)

    return noted
