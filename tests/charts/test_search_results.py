"""Charts of a search have its finding and every result, front and uniform schedule."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from roboreg_core.charts.base import specification
from roboreg_core.charts.search_results import search_alt, search_chart, search_data, search_title
from roboreg_core.datasets.images import CLASSES
from roboreg_core.prediction.sensitivity import curves
from roboreg_core.search.best_schedules import SearchResult, greedy
from roboreg_core.search.limits import Limits
from roboreg_core.search.surrogate import additive_surrogate
from roboreg_core.wording import fmt
from tests.search.helpers import points_of_curves, seen_of


@pytest.fixture(scope="module")
def found() -> SearchResult:
    return greedy(Limits(macs=0.5), additive_surrogate(curves(points_of_curves())))


@pytest.fixture(scope="module")
def frame(found: SearchResult) -> pd.DataFrame:
    return search_data(found.answers, found.front, found.uniform, classes=CLASSES)


def test_every_candidate_is_a_row_with_its_cost(found: SearchResult, frame: pd.DataFrame) -> None:
    counts = frame["kind"].value_counts()
    assert counts.to_dict() == {
        "result": len(found.answers), "front": len(found.front), "uniform": len(found.uniform)
    }  # fmt: skip
    for _, rows in frame.groupby("kind"):
        assert rows["macs"].is_monotonic_increasing
    first = frame[frame["number"] == 1].iloc[0]
    assert first["schedule"] == str(found.answers[0].schedule)
    assert first["low"] < first["accuracy"] < first["high"]
    assert first["worst_class"] == "cat"


def test_the_title_compares_with_the_best_uniform_schedule_of_that_cost(
    found: SearchResult, frame: pd.DataFrame
) -> None:
    best = found.answers[0].accuracy
    cheaper = frame[(frame["kind"] == "uniform") & (frame["share"] <= 0.5)]["accuracy"].max()
    assert f"{fmt.points(best - cheaper)} more than the best uniform schedule" in search_title(frame)
    assert "predicted" in search_title(frame)
    assert search_title(frame) in search_alt(frame)
    alone = search_data([replace(found.answers[0], measured=seen_of(found.answers[0].schedule))], classes=CLASSES)
    assert search_title(alone).endswith("measured")
    assert search_title(search_data((), classes=CLASSES)) == "No schedule within the limits was found"


def test_the_chart_draws_and_its_answers_are_clickable(found: SearchResult, frame: pd.DataFrame) -> None:
    spec = specification(search_chart(frame, [{"schedule": str(found.answers[1].schedule)}]))
    [selection] = [each for each in spec["params"] if each["name"] == "answer"]
    assert selection["select"]["fields"] == ["schedule"]
    assert selection["value"] == [{"schedule": str(found.answers[1].schedule)}]
    assert specification(search_chart(search_data((), classes=CLASSES)))
