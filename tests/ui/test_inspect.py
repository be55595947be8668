"""Every tab of Inspect on the recorded runs: what it shows is what `summary` says, which the command line prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core import paths
from roboreg_core.charts import changed_predictions
from roboreg_core.charts.filter_clusters import FATE_WORDS
from roboreg_core.errors import SpecError
from roboreg_core.runs.filter_groups import clusters_of
from roboreg_core.runs.spec import KIND
from roboreg_core.runs.summary import Summary, summary
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store
from roboreg_core.ui import keys
from roboreg_core.ui.inspect.gallery import PER_PAGE
from roboreg_core.ui.inspect.tabs import FORMER_NAMES, TABS
from roboreg_core.wording import fmt
from tests.charts.records import make_record
from tests.shipped_runs import shipped_run
from tests.ui.conftest import restart
from tests.ui.test_pages import said

Open = Callable[..., AppTest]
RUN, OTHER = shipped_run("moderate"), shipped_run("three-quarters")
HOSTILE = {
    "script": "<script>alert(1)</script>",
    "markdown": "**`x` [y](http://z) $1$ \" '",
    "long": "é🧨" * 5_000,
    "right to left": "\u202e\u0645\u0631\u062d\u0628\u0627",
}


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """An empty store in front of the recorded runs, the one that the pages read."""
    restart()
    opened = Store(home, shipped=paths.recorded())
    yield opened
    opened.close()
    restart()


@pytest.fixture
def figures(store: Store) -> dict[str, Any]:
    return as_printed(summary(store.find_record(RUN), store))


def as_printed(found: Summary) -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(json.dumps(found.to_json()))
    return printed


def table(app: AppTest, *columns: str) -> pd.DataFrame:
    """The first table on the page that has these columns."""
    return next(each.value for each in app.dataframe if set(columns) <= set(each.value.columns))


def pictures(app: AppTest) -> int:
    return sum(each.value.count("<img") for each in app.get("html"))


def test_finding_and_tiles_are_the_paired_ones(open_page: Open, figures: dict[str, Any]) -> None:
    app = open_page("inspect", run=RUN)
    paired, worst = figures["paired"]["tuned"], figures["worst_class"]["tuned"]
    accuracy, parameters, flops, recall = app.metric[:4]
    assert f"{paired['flips']['lost']} are correct only in the dense network" in said(app)
    assert accuracy.delta == fmt.signed_points(paired["verdict"]["difference"])
    assert f"({worst['name']})" in recall.label
    assert recall.delta == fmt.signed_points(worst["verdict"]["difference"])
    assert parameters.value == fmt.count(figures["counts"]["parameters"]["value"])
    assert flops.delta == fmt.signed_percent(figures["counts"]["flops"]["relative"])


def test_damage(open_page: Open, figures: dict[str, Any]) -> None:
    app = open_page("inspect", run=RUN, **{"class": "cat"}, band="lost")
    counts = table(app, changed_predictions.BAND_WORDS["recovered"])
    for band, each in figures["damage"].items():
        assert counts[changed_predictions.BAND_WORDS[band]].to_list() == [*each["per_class"], each["images"]]
    number = figures["damage"]["lost"]["per_class"][3]
    assert pictures(app) == min(number, PER_PAGE)
    assert f"Cat, lost: {number} images, 1–{min(number, PER_PAGE)}" in said(app)
    tests = table(app, "verdict", "p")
    paired = figures["paired"]["tuned"]
    rows = [paired, *paired["per_class"]]
    assert tests["verdict"].to_list() == [row["verdict"]["words"] for row in rows]
    assert tests["p"].to_list() == [row["verdict"]["p"] for row in rows]
    assert tests["lost"].to_list() == [row["flips"]["lost"] for row in rows]
    app.selectbox(key="band").set_value("gained").run()
    assert f"Cat, gained: {figures['damage']['gained']['per_class'][3]} images" in said(app)
    assert app.query_params["band"] in ("gained", ["gained"])
    app.selectbox(key="class").set_value(None).run()
    assert f"All classes, gained: {figures['damage']['gained']['images']} images" in said(app)


@pytest.mark.parametrize("stage", ["pruned", "tuned"])
def test_confusion(open_page: Open, figures: dict[str, Any], stage: str) -> None:
    matrix = figures["paired"][stage]["confusion"]
    cell = {"true": "cat", "predicted": "dog"}
    app = open_page("inspect", run=RUN, tab="Confusion", stage=stage, **cell)
    assert table(app, "cat", "dog").to_numpy().tolist() == matrix["after"]
    number = matrix["after"][3][5]
    assert f"Cat predicted as dog: {number} images, 1–{min(number, PER_PAGE)}" in said(app)
    assert pictures(app) == min(number, PER_PAGE)
    app.segmented_control(key="confusion-values").set_value("difference").run()
    assert table(app, "cat", "dog").to_numpy().tolist() == matrix["difference"]
    came, went = (int(each) for each in re.findall(r"(\d+) images entered this cell, (\d+) left it", said(app))[0])
    assert came - went == matrix["difference"][3][5]
    app.segmented_control(key="confusion-values").set_value("share").run()
    shares = table(app, "cat", "dog").to_numpy()
    assert shares.sum(1) == pytest.approx([1.0] * 10)


def test_report(open_page: Open, figures: dict[str, Any]) -> None:
    app = open_page("inspect", run=RUN, tab="Per-class metrics", stage="pruned")
    shown = table(app, "precision", "recall_change", "verdict").set_index("class")
    for row in figures["report"]["pruned"]:
        for measure in ("precision", "recall", "f1", "precision_change", "recall_change", "f1_change", "support"):
            assert shown.loc[row["name"], measure] == row[measure]
    verdict = figures["paired"]["pruned"]["verdict"]
    assert shown.loc["accuracy", "f1_change"] == verdict["difference"]
    assert shown.loc["accuracy", "verdict"] == verdict["words"]
    assert f"(**{figures['worst_class']['pruned']['name']}**)" in said(app)


@pytest.mark.parametrize(("former", "present"), FORMER_NAMES.items())
def test_former_names_of_tabs_open_the_tab(open_page: Open, former: str, present: str) -> None:
    app = open_page("inspect", run=RUN, tab=former)
    assert app.session_state[keys.TAB] == present


def test_clusters(open_page: Open, store: Store) -> None:
    clustered = shipped_run("moderate", "source")
    expected = clusters_of(store.find_record(clustered), 9, store).to_json()
    app = open_page("inspect", run=clustered, tab="Filters", block="9")
    filters = table(app, "filter", "outcome")
    assert (filters["filter"] - 1).to_list() == expected["order"]
    assert filters["outcome"].to_list() == [FATE_WORDS[expected["fates"][each]] for each in expected["order"]]
    assert table(app, "merge", "lost")["lost"].to_list() == expected["merge_lost"]
    assert pictures(app) == 64
    assert "the clusters are those of k-means" in said(app)
    app.segmented_control(key="block").set_value("2").run()
    assert pictures(app) == 16


def test_cost_history_and_files(open_page: Open, figures: dict[str, Any], store: Store) -> None:
    app = open_page("inspect", run=RUN, tab="Cost")
    layers = table(app, "layer", "macs_kept")
    assert layers.to_dict("records") == figures["layers"]
    speeds = table(app, "network", "milliseconds")
    for batch, speed in figures["speed"].items():
        rows = speeds[speeds["batch"] == int(batch)].set_index("network")["milliseconds"]
        assert rows.to_dict() == {
            "dense": speed["baseline"]["milliseconds"],
            "pruned": speed["final"]["milliseconds"],
        }
    history = table(open_page("inspect", run=RUN, tab="History"), "epoch", "measure")
    rates = history[history["measure"] == "learning rate"]["value"].to_list()
    assert rates == [each["learning_rate"] for each in store.find_record(RUN).result["history"]]
    text = said(open_page("inspect", run=RUN, tab="Files", baseline=OTHER))
    assert re.search(rf"runs show {RUN}\w* --baseline {OTHER}\w* --json", text)


def test_another_run_as_baseline(open_page: Open, store: Store) -> None:
    run, other = store.find_record(RUN), store.find_record(OTHER)
    expected = as_printed(summary(run, store, other))
    app = open_page("inspect", run=RUN, baseline=OTHER)
    assert "against the run three-quarters" in said(app)
    assert app.metric[0].delta == fmt.signed_points(expected["paired"]["tuned"]["verdict"]["difference"])
    counts = table(app, changed_predictions.BAND_WORDS["lost"])
    assert counts.loc["all classes"].to_list() == [each["images"] for each in expected["flips"].values()]
    app.selectbox(key="baseline-picker").set_value("dense").run()
    assert "baseline" not in app.query_params
    app.selectbox(key="baseline-picker").set_value(other.id).run()
    assert app.query_params["baseline"] in (other.id, [other.id])


@pytest.mark.parametrize("junk", ["zzzz", "<b>x</b>", "[a](http://x)"])
def test_an_unknown_baseline_is_said_and_dense_is_shown(open_page: Open, junk: str) -> None:
    app = open_page("inspect", run=RUN, baseline=junk, block="44", band="x", true="y", tab="Changed predictions")
    assert any("No run here has the id" in error.value for error in app.error)
    assert "correct only in the dense network" in said(app)
    assert "<b>" not in said(app).replace("\\<b\\>", "")


def test_runs_that_are_unlike_say_so(open_page: Open, store: Store, put: Callable[..., Record]) -> None:
    record = store.find_record(RUN)
    store.put_record(replace(record, id="f" * 16, spec={**record.spec, "seed": 5}, recorded=False))
    app = open_page("inspect", run="f" * 16, baseline=RUN)
    assert any("The seed differs" in each.value for each in app.warning)


def test_a_run_of_single_weights_has_no_clusters(open_page: Open, put: Callable[..., Record], store: Store) -> None:
    plain = make_record(presets()["dense"], identity="d" * 16)
    pruning = {**plain.result["pruning"], "blocks": []}
    spec = {**plain.spec, "method": "weights:sparsity=0.9"}
    record = put(replace(plain, spec=spec, result={**plain.result, "pruning": pruning}))
    app = open_page("inspect", run=record.id, tab="Filters")
    assert any("set single weights to zero" in each.value for each in app.info)
    with pytest.raises(SpecError, match="has no filter clusters"):
        clusters_of(record, 1, store)


@pytest.mark.parametrize("name", list(HOSTILE))
def test_names_do_no_harm(open_page: Open, put: Callable[..., Record], store: Store, name: str) -> None:
    plain = make_record(identity="e" * 16)
    put(replace(plain, spec={**plain.spec, "method": HOSTILE[name], "dense": HOSTILE[name]}))
    for tab in TABS:
        app = open_page("inspect", run=RUN, baseline="e" * 16, tab=tab)
        text = said(app)
        assert "<script>" not in text
        assert "[y](http" not in text
        assert len(text) < 9_000
    assert len(store.list_records(KIND)) == 7
