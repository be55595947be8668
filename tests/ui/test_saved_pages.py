"""Saved schedules and deleted runs on the pages, without a browser."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core.architecture import RESNET20
from roboreg_core.schedules import saved_schedules, schedule_file
from roboreg_core.schedules.saved_schedules import ScheduleDraft
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from roboreg_core.ui import panels, schedule_html
from roboreg_core.ui.design import json_files
from tests.schedules.test_saved_schedules import HARMLESS
from tests.ui.test_pages import AddJob, Open, Put, button, click, said, slider

HALF = ScheduleDraft(name="half", schedule=presets()["moderate"], note="for Monday", tags=("meeting",))
SMALL = ScheduleDraft(name="small", schedule=presets()["quarter"], tags=("other",))


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def names(store: Store) -> list[str]:
    return [each.name for each in saved_schedules.saved_schedules(store)]


def saved_one(store: Store, draft: ScheduleDraft = HALF) -> str:
    return saved_schedules.save(store, draft).id


def opened(app: AppTest, saved: str) -> AppTest:
    """The page with the actions of a saved schedule in sight."""
    app.session_state[f"more-{saved}"] = True
    return app.run()


def test_without_any_the_page_says_what_to_do(open_page: Open) -> None:
    assert "No saved schedules yet" in said(open_page("schedules"))


def test_saving_from_design_and_loading_again(open_page: Open, store: Store) -> None:
    app = open_page("design", s="2,2,2,2,2,2,2,2,3")
    app.text_input(key="save-name").set_value("two")
    app.text_input(key="save-tags").set_value("a, b")
    click(app, "save")
    (saved,) = saved_schedules.saved_schedules(store)
    assert (saved.name, saved.tags, str(saved.schedule)) == ("two", ("a", "b"), "2,2,2,2,2,2,2,2,3")
    assert "Saved" in app.success[0].value
    assert app.text_input(key="save-name").value == ""
    click(app, "preset-quarter")
    app.run()  # all of the page: a change draws only what shows it
    app.selectbox(key="load-saved").set_value(saved.id).run()
    assert not app.exception
    assert [slider(app, block).value for block in (1, 9)] == [2, 3]
    assert app.selectbox(key="load-saved").value is None


def test_saving_under_a_taken_name_is_refused_or_replaces(open_page: Open, store: Store) -> None:
    saved_one(store)
    app = open_page("design", s="quarter")
    app.text_input(key="save-name").set_value("HALF")
    click(app, "save")
    assert "taken by another saved schedule" in app.error[0].value
    assert app.text_input(key="save-name").value == "HALF", "what was typed stays"
    app.checkbox(key="save-over").check()
    click(app, "save")
    (saved,) = saved_schedules.saved_schedules(store)
    assert (saved.name, saved.schedule) == ("HALF", presets()["quarter"])


def test_a_name_that_is_too_long_is_refused_with_the_rule(open_page: Open, store: Store) -> None:
    app = open_page("design")
    app.text_input(key="save-name").set_value("x" * 10_000)
    click(app, "save")
    assert "1..80 characters, got 10,000: shorten it" in app.error[0].value.replace("\\", "")
    assert names(store) == []


@pytest.mark.parametrize("name", HARMLESS)
def test_any_name_is_shown_as_text(open_page: Open, store: Store, put: Put, name: str) -> None:
    put(identity="a" * 16)
    saved = saved_one(store, ScheduleDraft(name=name, schedule=presets()["moderate"], note=name, tags=("<b>",)))
    app = opened(open_page("schedules"), saved)
    assert schedule_html.text(name) in html(app)
    assert "<script>alert" not in html(app)
    assert "<b>" not in html(app)
    assert panels.escape(name) in said(app)
    click(app, f"delete-{saved}")
    assert panels.escape(name) in said(app)
    click(app, "undo")
    for page in ("design", "overview"):
        open_page(page)
    click(open_page("inspect", run="a" * 16), "delete-run")


def test_the_list_shows_figures_order_and_tag(open_page: Open, store: Store, put: Put) -> None:
    first, second = saved_one(store), saved_one(store, SMALL)
    put(rights=(920, 500, 900), identity="a" * 16)
    app = open_page("schedules")
    assert "the smallest, \u201c\u2068small\u2069\u201d, keeps 25.5 % of the parameters" in said(app)
    assert html(app).index("small") < html(app).index("half"), "newest first"
    assert "135,754 parameters" in html(app)
    assert "No run yet" in said(app)
    assert app.get("page_link")[-1].proto.label.replace("\u00a0", " ") == "89.0 %, best of 1 run"
    app = open_page("schedules", order="name", tag="meeting")
    assert button(app, f"design-{first}") is not None
    assert button(app, f"design-{second}") is None
    app = open_page("schedules", order="junk", tag="<script>")
    assert button(app, f"design-{second}") is not None


def test_rename_duplicate_delete_undo(open_page: Open, store: Store) -> None:
    saved = saved_one(store)
    app = opened(open_page("schedules"), saved)
    app.text_input(key=f"name-{saved}").set_value("other")
    app.text_input(key=f"tags-{saved}").set_value("x, y")
    click(app, f"rename-{saved}")
    assert saved_schedules.find(store, "other").tags == ("x", "y")
    click(opened(app, saved), f"duplicate-{saved}")
    assert names(store) == ["other", "other (2)"]
    click(opened(app, saved), f"delete-{saved}")
    assert names(store) == ["other (2)"]
    click(app, "undo")
    assert names(store) == ["other", "other (2)"]
    assert button(app, "undo") is None
    click(opened(app, saved), f"delete-{saved}")
    click(open_page("schedules"), f"restore-{saved}")
    assert names(store) == ["other", "other (2)"], "also from another visit"


def test_a_name_that_is_taken_is_refused_on_the_page(open_page: Open, store: Store) -> None:
    saved = saved_one(store)
    saved_one(store, SMALL)
    app = opened(open_page("schedules"), saved)
    app.text_input(key=f"name-{saved}").set_value("Small")
    click(app, f"rename-{saved}")
    assert "is taken" in app.error[0].value
    assert names(store) == ["half", "small"]


def test_an_upload_adds_or_says_what_is_wrong(open_page: Open, store: Store) -> None:
    saved_one(store)
    app = open_page("schedules")
    app.file_uploader(key="import").set_value(
        ("a.json", schedule_file.write([HALF, SMALL]).encode(), "application/json")
    ).run()
    assert "Imported 1 schedule. Skipped 1 existing." in said(app)
    app.file_uploader(key="import").set_value(("b.json", b'{"x": 1}', "application/json")).run()
    assert "must be an object with" in app.error[0].value
    assert names(store) == ["half", "small"]


def test_design_reads_a_file_with_one_saved_schedule() -> None:
    assert json_files.read_schedule(schedule_file.write([SMALL]).encode(), RESNET20) == presets()["quarter"]
    with pytest.raises(saved_schedules.ScheduleError, match="contains 2 saved schedules"):
        json_files.read_schedule(schedule_file.write([SMALL, HALF]).encode(), RESNET20)


def test_deleting_a_run_says_what_uses_it_and_can_be_undone(
    open_page: Open, store: Store, put: Put, add_job: AddJob
) -> None:
    saved_one(store)
    run = put(rights=(920, 500, 900), identity="a" * 16)
    put(rights=(920, 500, 910), identity="b" * 16)
    add_job("j", JobStatus.FINISHED, key=run.id)
    app = open_page("inspect", run=run.id)
    click(app, "delete-run")
    assert "Its schedule stays saved as \u201c\u2068half\u2069\u201d, with 1 run left" in said(app)
    assert "Comparisons and links that include it" in said(app)
    click(app, "confirm-delete")
    assert store.get_record(run.id) is None
    assert "Deleted the run" in said(app)
    assert "The run was deleted" in said(open_page("jobs"))
    app = open_page("inspect", run=run.id)
    assert "was deleted" in app.warning[0].value
    click(app, f"restore-{run.id}")
    assert store.get_record(run.id) == run
    assert button(app, "delete-run") is not None


def test_a_deletion_is_undone_from_the_list_of_deleted_runs(open_page: Open, store: Store, put: Put) -> None:
    run = put(identity="a" * 16)
    store.soft_delete_record(run.id)
    app = open_page("overview")
    click(app, f"restore-{run.id}")
    assert store.get_record(run.id) == run


def test_a_recorded_run_has_no_delete_button(
    open_page: Open, store: Store, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = put(identity="a" * 16, recorded=True)
    monkeypatch.setattr(Store, "get_record", lambda *arguments: run)
    app = open_page("inspect", run=run.id)
    assert button(app, "delete-run") is None
