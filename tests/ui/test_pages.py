"""Every page with data, without, and with junk in the address."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core import paths
from roboreg_core.architecture import RESNET20
from roboreg_core.errors import ScheduleError
from roboreg_core.models.costs import cost
from roboreg_core.pruning.methods import METHODS
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.store.store import Store
from roboreg_core.training.fine_tuning_presets import TUNE_PRESETS
from roboreg_core.ui import panels
from roboreg_core.ui.design import json_files, launcher
from roboreg_core.ui.inspect.tabs import TABS
from roboreg_core.wording import fmt
from tests.charts.records import make_record
from tests.ui.conftest import FakeEngine

Open = Callable[..., AppTest]
Put = Callable[..., Record]
AddJob = Callable[..., Job]
PAGES = ("overview", "design", "jobs", "inspect", "compare", "explore", "train")


def said(app: AppTest) -> str:
    """All text of a page."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "error", "success", "warning", "code")
    return "\n".join(element.value for kind in kinds for element in app.get(kind)).replace(fmt.NBSP, " ")


def button(app: AppTest, key: str) -> object:
    return next((each for each in app.button if each.key == key), None)


def click(app: AppTest, key: str) -> None:
    app.button(key=key).click().run()
    assert not app.exception, app.exception[0].message


def slider(app: AppTest, block: int) -> object:
    return next(each for each in app.slider if each.key.startswith(f"slider-{block}-"))


def counts(app: AppTest) -> list[str]:
    return [metric.value for metric in app.metric]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_short_guards_its_address_and_computes_nothing(page: str) -> None:
    path = paths.PROJECT / "pages" / f"{page}.py"
    text = path.read_text()
    assert len(text.splitlines()) <= 100
    assert f'navigation.enter("{page}")' in text
    imported = {
        f"{node.module}" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.module
    }
    assert all(each == "roboreg_core.ui" or each.startswith("roboreg_core.ui.") for each in imported)


@pytest.mark.parametrize("page", PAGES)
def test_without_any_run_each_page_says_what_to_do(open_page: Open, page: str) -> None:
    text = said(open_page(page))
    expected = {
        "overview": "No runs yet",
        "design": "Choose how many filters each block keeps",
        "jobs": "No finished jobs yet",
        "inspect": "No runs to inspect yet",
        "compare": "No runs to compare yet",
        "explore": "No sweep yet",
        "train": "1 dense network",
    }
    assert expected[page] in text


@pytest.mark.parametrize("page", PAGES)
def test_with_runs_each_page_opens(open_page: Open, put: Put, page: str) -> None:
    put(rights=(920, 500, 900), identity="a" * 16)
    put(make_record(presets()["quarter"], rights=(920, 200), identity="b" * 16))
    open_page(page)


def test_overview_names_the_best_run(open_page: Open, put: Put) -> None:
    put(rights=(920, 500, 915), identity="a" * 16)
    put(make_record(presets()["quarter"], rights=(920, 200), identity="b" * 16))
    app = open_page("overview")
    text = said(app)
    assert "Keeping half the filters in every block leaves 50.3 % of the parameters" in text
    assert "the smallest network within 3 percentage points" in text
    assert counts(app)[1] == "135,754"
    assert len(app.dataframe[-1].value) == 2


def test_design_starts_half_and_counts(open_page: Open) -> None:
    app = open_page("design")
    assert counts(app)[0] == f"{cost(presets()['moderate']).parameters:,}"
    assert app.query_params["s"] in (str(presets()["moderate"]), [str(presets()["moderate"])])


def test_design_takes_the_schedule_from_the_address(open_page: Open) -> None:
    app = open_page("design", s="1,2,3,4,5,6,7,8,9", epochs="2", seed="7", method="source")
    assert [slider(app, block).value for block in range(1, 10)] == list(range(1, 10))
    assert app.number_input(key="epochs").value == 2
    assert app.number_input(key="seed").value == 7
    assert app.radio(key="method").value == "source"


@pytest.mark.parametrize(
    "junk", ["", "1,2", "99,8,8,16,16,16,32,32,32", "<script>alert(1)</script>", "8,8,8,x", "é" * 300]
)
def test_design_answers_junk_with_a_message_and_the_default(open_page: Open, junk: str) -> None:
    app = open_page("design", s=junk)
    assert len(app.error) == 1
    assert "The schedule in the address is invalid" in app.error[0].value
    assert counts(app)[0] == f"{cost(presets()['moderate']).parameters:,}"
    click(app, "preset-quarter")
    assert not app.error


def test_design_ignores_junk_in_the_other_settings(open_page: Open) -> None:
    app = open_page("design", epochs="many", seed="-1", method="magic", images="none", recalibrate="maybe")
    assert app.number_input(key="epochs").value == 4
    assert app.radio(key="method").value == "refit"
    assert app.toggle(key="recalibrate").value is False


def test_slider_and_number_field_follow_each_other(open_page: Open) -> None:
    app = open_page("design")
    slider(app, 1).set_value(3).run()
    number = next(each for each in app.number_input if each.key.startswith("number-1-"))
    assert number.value == 3
    number.set_value(5).run()
    assert slider(app, 1).value == 5
    assert counts(app)[0] == f"{cost(presets()['moderate'].replace(1, 5)).parameters:,}"
    assert str(presets()["moderate"].replace(1, 5)) in str(app.query_params["s"])
    click(app, "reset")
    assert slider(app, 1).value == 8


@pytest.mark.parametrize("name", list(presets()))
def test_presets(open_page: Open, name: str) -> None:
    app = open_page("design")
    click(app, f"preset-{name}")
    app.run()  # all of the page: a change draws only what shows it
    assert [slider(app, block).value for block in range(1, 10)] == presets()[name].to_json()


def test_sliders_start_nothing_and_start_submits_once(open_page: Open, store: Store) -> None:
    app = open_page("design", s="2,2,2,2,2,2,2,2,3", epochs="1")
    slider(app, 1).set_value(3).run()
    assert store.list_jobs() == []
    click(app, "start")
    (job,) = store.list_jobs(KIND)
    assert job.spec["schedule"] == [3, 2, 2, 2, 2, 2, 2, 2, 3]
    assert (job.spec["epochs"], job.spec["training_set"], job.spec["method"]) == (1, "bundled", "refit")
    assert button(app, "start") is None
    assert button(app, "show-progress") is not None


def test_a_finished_run_is_opened_instead(open_page: Open, store: Store, put: Put) -> None:
    app = open_page("design", s="moderate", epochs="3")
    click(app, "start")
    (job,) = store.list_jobs(KIND)
    store.update_job(job.id, status=JobStatus.FINISHED)
    put(replace(make_record(), id=job.key))
    app.run()
    assert "This run already exists" in said(app)
    assert button(app, "open-run") is not None


def test_a_dense_schedule_is_explained(open_page: Open) -> None:
    app = open_page("design", s="dense")
    assert "nothing to prune" in said(app)
    assert button(app, "start") is None


@pytest.mark.usefixtures("no_dense")
def test_a_missing_dense_network_is_explained(open_page: Open) -> None:
    app = open_page("design")
    assert any("checkpoint must be a file" in error.value for error in app.error)
    assert counts(app)[0] == "135,754"


def test_jobs_shows_each_state_and_passes_clicks_on(open_page: Open, add_job: AddJob, engine: FakeEngine) -> None:
    fine = {"stage": "tune", "fraction": 0.43, "remaining_seconds": 80.0, "epoch": 2, "epochs": 5}
    add_job("r", JobStatus.RUNNING, progress=fine)
    add_job("q", JobStatus.QUEUED)
    add_job("f", JobStatus.FAILED, error="the worker died three times")
    add_job("i", JobStatus.INTERRUPTED)
    app = open_page("jobs")
    text = said(app)
    assert "is running, 43 % done; 1 run waiting." in text
    assert "The worker died three times." in text
    click(app, "resume-i")
    assert engine.resumed == ["i"]
    click(app, "cancel-r")
    assert engine.cancelled == ["r"]
    click(app, "cancel-r")
    assert any("already cancelled" in error.value for error in app.error)


def test_jobs_forgets_an_ended_job(open_page: Open, add_job: AddJob, store: Store) -> None:
    add_job("c", JobStatus.CANCELLED)
    app = open_page("jobs")
    click(app, "forget-c")
    assert store.list_jobs() == []


def test_inspect_states_the_finding(open_page: Open, put: Put) -> None:
    put(rights=(920, 500, 900), identity="a" * 16, notes=["block 1 keeps 7 filters, not 8: only 7 are distinct"])
    app = open_page("inspect", run="aaaa")
    text = said(app)
    assert "and costs 2.0 percentage points of accuracy after 3 epochs of fine-tuning" in text
    assert "of 10,000 test images, 200 are correct only in the dense network and 0 only in this run" in text
    assert "Lost 2.0 pp, significant" in text
    assert "Block 1 keeps 7 filters" in text
    assert [counts(app)[place] for place in (0, 3)] == [fmt.percent(0.89), fmt.percent(0.8)]


@pytest.mark.parametrize("stage", ["dense", "pruned", "tuned", "nonsense"])
def test_inspect_shows_the_stage_of_the_address(open_page: Open, put: Put, stage: str) -> None:
    put(identity="a" * 16)
    shown = {"dense": "91.00 %", "pruned": "49.00 %"}.get(stage, "89.00 %")
    assert f"**{shown}**" in said(open_page("inspect", run="a" * 16, tab="Per-class metrics", stage=stage))


@pytest.mark.parametrize("tab", [*TABS, "Nonsense"])
def test_inspect_opens_the_tab_of_the_address(open_page: Open, put: Put, tab: str) -> None:
    put(identity="a" * 16)
    app = open_page("inspect", run="a" * 16, tab=tab)
    opened = tab if tab in TABS else next(iter(TABS))
    assert [each.label for each in app.tabs if each.children] == [opened], "the open one alone is drawn"


def test_inspect_without_fine_tuning(open_page: Open, put: Put) -> None:
    put(rights=(920, 500), identity="a" * 16)
    assert "There are no curves" in said(open_page("inspect", run="a" * 16, tab="History")).replace("so there", "There")


@pytest.mark.parametrize("junk", ["zzzz", "", "<b>x</b>", "[a](http://x)", "a" * 500])
def test_inspect_answers_an_unknown_run(open_page: Open, put: Put, junk: str) -> None:
    put(identity="0" * 16)
    app = open_page("inspect", run=junk)
    assert any("No run here has the id" in error.value for error in app.error)
    assert "<b>" not in said(app).replace("\\<b\\>", "")


def test_inspect_opens_the_picked_run(open_page: Open, put: Put) -> None:
    put(identity="a" * 16)
    put(make_record(presets()["quarter"], rights=(920, 200), identity="b" * 16))
    app = open_page("inspect", run="a" * 16)
    app.selectbox(key="run-picker").set_value("b" * 16).run()
    assert "Keeping a quarter of the filters" in said(app)
    assert "b" * 16 in str(app.query_params["run"])


def test_every_method_and_preset_is_described() -> None:
    assert set(launcher.METHOD_WORDS) == set(METHODS)
    assert set(launcher.PRESET_WORDS) == set(TUNE_PRESETS)


def test_a_preset_of_fine_tuning_sets_epochs_and_rate(open_page: Open) -> None:
    app = open_page("design")
    app.segmented_control(key="tune-preset").set_value("good").run()
    good = TUNE_PRESETS["good"].spec
    assert app.number_input(key="epochs").value == good.epochs
    assert app.number_input(key="learning-rate").value == good.learning_rate
    app.number_input(key="epochs").set_value(3).run()
    assert app.number_input(key="epochs").value == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff", "must be JSON"),
        (b"{}", "must contain `schedule`"),
        (b"[1, 2]", "9 filter counts"),
        (b'{"schedule": "moderate"}', "list of 9 integers"),
        (b"[8, 8, 8, 16, 16, 16, 32, 32, 65]", "block 9 must be 1..64, got 65"),
        (b"[8.5, 8, 8, 16, 16, 16, 32, 32, 32]", "must be an integer"),
    ],
)
def test_a_bad_schedule_file_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(ScheduleError, match=r"schedule|block") as caught:
        json_files.read_schedule(content, RESNET20)
    assert message in str(caught.value)


def test_schedule_files_are_read_in_both_forms() -> None:
    for content in (b"[8,8,8,16,16,16,32,32,32]", b'{"schedule": [8,8,8,16,16,16,32,32,32]}'):
        assert json_files.read_schedule(content, RESNET20) == presets()["moderate"]


def test_names_cannot_become_markup() -> None:
    assert panels.escape("<b>*x*</b> [y](z) $1$ `c`") == r"\<b\>\*x\*\</b\> \[y\](z) \$1\$ \`c\`"
