"""Charts of correlations, of the points behind them and of the matrix of scatters; each also as the report draws it."""

from __future__ import annotations

import pandas as pd
import pytest

from roboreg_core.architecture import RESNET20
from roboreg_core.charts import base, correlation_heatmap, point_scatter, scatter_matrix
from roboreg_core.correlation.correlations import KINDS, PEARSON, Correlation, correlate
from roboreg_core.correlation.variables import ACCURACIES, MEASURED, STAGE_NAMES, words
from roboreg_core.errors import SpecError
from roboreg_core.report import svg
from roboreg_core.sweeps.grid import Grid
from roboreg_core.sweeps.points import block_names, frame
from roboreg_core.wording import fmt
from roboreg_core.wording.correlation_findings import LIMITS
from tests.charts.test_charts import drawn
from tests.charts.test_comparison_table import selections
from tests.sweeps.noisy_points import points


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return frame(points(tuned=True))


@pytest.fixture(scope="module")
def found(table: pd.DataFrame) -> Correlation:
    return correlate(table)


def printed(chart: base.Drawing) -> str:
    return str(svg.figure(chart, "chart", "in words").svg)


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_says_what_it_rests_on_and_unclear_ones_are_blank(found: Correlation, kind: str) -> None:
    data = correlation_heatmap.correlation_data(found, kind)
    assert len(data) == len(found.names) ** 2
    zero = (data["low"] <= 0) & (data["high"] >= 0)
    assert (data.loc[zero, "look"] == "not significant").all()
    assert (data.loc[data["one"] == data["other"], "look"] == "same variable").all()
    assert (data["text"] != "").equals(data["look"] == "significant")
    assert set(data["look"]) == {"significant", "not significant", "same variable"}
    cell = data[(data["one"] == "k") & (data["other"] == "parameters")].iloc[0]
    assert cell["with_interval"].startswith(f"{cell['value']:.2f} (")
    table = correlation_heatmap.correlation_table(data)
    assert list(table.index) == list(table.columns) == list(found.names)
    assert table.loc["k", "parameters"] == table.loc["parameters", "k"] == cell["with_interval"]


def test_both_heatmaps_have_one_order_one_scale_and_cells_to_click(found: Correlation) -> None:
    specs = [
        drawn(correlation_heatmap.correlation_chart(correlation_heatmap.correlation_data(found, kind)))
        for kind in KINDS
    ]
    encodings = [spec["layer"][0]["encoding"] for spec in specs]
    for spec, encoding in zip(specs, encodings, strict=True):
        assert correlation_heatmap.SELECTION in selections(spec)
        assert encoding["x"]["sort"] == encoding["y"]["sort"] == [words(name) for name in found.names]
        assert encoding["color"]["condition"]["scale"]["domain"] == [-1, 0, 1]
    assert encodings[0]["color"] == encodings[1]["color"]


def test_titles_state_the_finding_and_the_note_its_limits(table: pd.DataFrame, found: Correlation) -> None:
    for kind in KINDS:
        title = correlation_heatmap.correlation_title(found, kind)
        assert title.startswith(f"{kind.capitalize()}: stage 3's width correlates most with accuracy after fine-tuning")
        unclear = sum(
            not found.cells[kind][one][other].is_clear
            for place, one in enumerate(found.names)
            for other in found.names[:place]
        )
        alt_text = correlation_heatmap.correlation_alt(found, kind).replace(fmt.NBSP, " ")
        assert f"9 variables over 27 schedules; {unclear} of 36 pairs not significant. {title}." in alt_text
    note = correlation_heatmap.correlation_note(found).replace(fmt.NBSP, " ")
    assert note.startswith("n = 27 schedules. Not measured here, left out: latency. ")
    assert note.endswith(LIMITS)
    held = correlate(table, control="macs")
    assert "controlling for MACs" in correlation_heatmap.correlation_note(held)
    assert "controlling for MACs" in correlation_heatmap.correlation_alt(held, PEARSON)


def test_blocks_are_drawn_without_numbers(found: Correlation) -> None:
    random = Grid(kind="random", values=tuple((1, bound) for bound in RESNET20.bounds), n=30).schedules()
    data = correlation_heatmap.correlation_data(correlate(frame(points(random))), PEARSON)
    many, few = (
        drawn(correlation_heatmap.correlation_chart(each))
        for each in (data, correlation_heatmap.correlation_data(found, PEARSON))
    )
    assert len(many["layer"]) == len(few["layer"]) - 1


def test_a_scatter_has_every_point_its_record_and_the_dense_line(table: pd.DataFrame, found: Correlation) -> None:
    data = point_scatter.scatter_points_data(table, "k", "tuned test")
    assert set(data["record"]) == set(table["record"])
    assert set(data["x"]) == {1, 2, 3}
    assert data["y"].to_list() == table["tuned test"].to_list()
    dense = dict.fromkeys(ACCURACIES, 0.9243)
    spec = drawn(point_scatter.scatter_points_chart(data, "k", "tuned test", dense))
    assert point_scatter.SELECTION in selections(spec)
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["rule", "circle"]
    assert len(drawn(point_scatter.scatter_points_chart(data, "k", "macs", dense))["layer"]) == 1
    title = point_scatter.scatter_points_title(found, "i", "tuned test")
    assert title.startswith("Stage 1 (i) and accuracy after fine-tuning (test images): Pearson ")
    assert title.count(", not significant") == 2


def test_points_that_lack_a_variable_are_not_drawn(table: pd.DataFrame) -> None:
    some = table.assign(latency=[0.1] * 5 + [float("nan")] * 22)
    assert len(point_scatter.scatter_points_data(some, "macs", "latency")) == 5
    for name in (*STAGE_NAMES, *block_names(RESNET20), *MEASURED):
        assert words(name)
        assert all(point_scatter.axis(name))


def test_a_scatter_matrix_has_each_pair_once_and_its_correlation(table: pd.DataFrame, found: Correlation) -> None:
    names = scatter_matrix.default_variables(found)
    assert names == ("i", "j", "k", "tuned test", "parameters", "macs")
    data = scatter_matrix.scatter_matrix_data(table, found, names)
    counts = data["part"].value_counts()
    assert counts.to_dict() == {"point": 15 * 27, "value": 15, "name": 6}
    below = data[data["part"] == "point"]
    assert (below["y"] > below["x"]).all()
    assert ((below[["x", "y"]] % 1) > 0).all(axis=None)
    value = data[(data["part"] == "value") & (data["row"] == words("k")) & (data["column"] == words("parameters"))]
    assert value["text"].to_list() == ["0.97"]
    assert "not\nsignificant" in set(data["text"])
    spec = drawn(scatter_matrix.scatter_matrix_chart(data, alt_text=scatter_matrix.scatter_matrix_alt(data, found)))
    assert scatter_matrix.SELECTION in selections(spec)
    assert "every two of 6" in spec["description"].replace(fmt.NBSP, " ")


def test_a_scatter_matrix_higher_values_stand_higher(table: pd.DataFrame, found: Correlation) -> None:
    data = scatter_matrix.scatter_matrix_data(table, found, ("k", "parameters"))
    drawn_points = data[data["part"] == "point"].set_index("record")
    most = table.loc[table["parameters"].idxmax(), "record"]
    assert drawn_points["y"].idxmin() == most
    assert drawn_points.loc[most, "x"] == drawn_points["x"].max()


def test_many_points_are_thinned_evenly() -> None:
    random = Grid(kind="random", values=tuple((1, bound) for bound in RESNET20.bounds), n=900).schedules()
    table = frame(points(random))
    data = scatter_matrix.scatter_matrix_data(table, _small(table), ("block 9", "parameters"))
    assert 300 <= (data["part"] == "point").sum() <= scatter_matrix.MOST_POINTS


def _small(table: pd.DataFrame) -> Correlation:
    return correlate(table.iloc[:30].reset_index(drop=True))


@pytest.mark.parametrize("names", [("k",), ("k", "k"), ("k", "latency"), ("i", "j", "k", *ACCURACIES)])
def test_impossible_scatter_matrices_are_refused(
    table: pd.DataFrame, found: Correlation, names: tuple[str, ...]
) -> None:
    with pytest.raises(SpecError, match=r"2\.\.6 different variables"):
        scatter_matrix.scatter_matrix_data(table, found, names)


def test_all_of_them_go_into_a_report(table: pd.DataFrame, found: Correlation) -> None:
    heat = printed(correlation_heatmap.correlation_chart(correlation_heatmap.correlation_data(found, PEARSON)))
    assert "blank and dotted" in heat
    assert "stroke-dasharray" in heat
    data = point_scatter.scatter_points_data(table, "k", "tuned test")
    assert "quarters" in printed(point_scatter.scatter_points_chart(data, "k", "tuned test", {"tuned test": 0.9}))
    matrix = scatter_matrix.scatter_matrix_data(table, found, ("k", "tuned test"))
    assert "stage 3 (k)" in printed(scatter_matrix.scatter_matrix_chart(matrix))
