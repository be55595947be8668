"""Pages with 10,000 runs and their jobs in the store."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from streamlit.testing.v1 import AppTest

from roboreg_core.architecture import RESNET20
from roboreg_core.charts.thinning import MOST_DRAWN
from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import Schedule, presets
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from roboreg_core.ui.jobs import job_list
from tests.charts.records import make_record
from tests.ui.test_pages import AddJob, Open, Put, button, click, said

COUNT = 10_000


@pytest.fixture
def many(store: Store, put: Put) -> list[str]:
    """Ids of 10,000 runs of random schedules, all less accurate than the smallest of them; put in one transaction."""
    best = put(make_record(presets()["aggressive"], rights=(920, 500, 915), identity="f" * 16))
    draw, like = random.Random(0), make_record(rights=(920, 500, 800))
    ids = [f"{number:016x}" for number in range(COUNT - 1)]
    with store._database.write() as db:
        for number, run in enumerate(ids):
            schedule = Schedule(tuple(draw.randint(3, bound) for bound in RESNET20.bounds))
            tuned = {**like.result["stages"]["tuned"], "accuracy": draw.uniform(0.5, 0.8)}
            result = {
                **like.result,
                "schedule": schedule.to_json(),
                "cost": {**like.result["cost"], "parameters": cost(schedule).parameters},
                "stages": {**like.result["stages"], "tuned": tuned},
            }
            spec = {**like.spec, "schedule": schedule.to_json(), "seed": number}
            store._write_record(db, replace(like, id=run, spec=spec, result=result))
    return [*ids, best.id]


def drawn_runs(app: AppTest) -> set[str]:
    """Runs in the data of the first chart."""
    (data,) = app.get("vega_lite_chart")[0].proto.datasets
    return set(convert_arrow_bytes_to_pandas_df(data.data.data)["run"])


def test_pages_with_ten_thousand_runs(open_page: Open, store: Store, many: list[str]) -> None:
    app = open_page("overview")
    assert [len(each.value) for each in app.dataframe] == [COUNT], "the chart's table is sent when it is opened"
    assert f"of {COUNT:,} runs are drawn" in said(app)
    drawn = drawn_runs(app)
    assert many[-1] in drawn, "the Pareto front"
    assert MOST_DRAWN / 2 < len(drawn) < 1.5 * MOST_DRAWN
    app.text_input(key="find").set_value(many[3]).run()
    assert not app.exception
    assert len(app.dataframe[-1].value) == 1
    assert "runs are drawn" not in said(app)

    app = open_page("inspect", run=many[-1])
    assert len(app.selectbox[0].options) == COUNT
    app = open_page("compare")
    assert len(app.multiselect[0].options) == COUNT
    assert button(app, "compare-start-newest") is not None


def test_jobs_shows_ended_jobs_some_at_a_time(open_page: Open, add_job: AddJob) -> None:
    for number in range(2 * job_list.SHOWN_FINISHED + 1):
        add_job(f"job{number}", JobStatus.FAILED, error=f"error {number}.", ended="2026-01-02T03:04:05+00:00")
    app = open_page("jobs")
    errors = [f"error {number}." for number in range(2 * job_list.SHOWN_FINISHED + 1)]
    assert sum(f"Error{each[5:]}" in said(app) for each in errors) == job_list.SHOWN_FINISHED
    click(app, "jobs-more")
    assert sum(f"Error{each[5:]}" in said(app) for each in errors) == 2 * job_list.SHOWN_FINISHED
    click(app, "jobs-more")
    assert sum(f"Error{each[5:]}" in said(app) for each in errors) == len(errors)
    assert button(app, "jobs-more") is None
