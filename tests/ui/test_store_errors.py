"""Pages over a store that is gone, damaged or read-only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core.schedules import saved_schedules, schedule_file
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from roboreg_core.ui import keys, navigation, panels
from tests.ui.conftest import restart
from tests.ui.test_pages import AddJob, Put, click
from tests.ui.test_saved_pages import HALF, opened, saved_one

Open = Callable[..., AppTest]


def errors(app: AppTest) -> list[str]:
    assert not app.exception, app.exception[0].message
    return [each.value for each in app.error]


@pytest.mark.parametrize("page", navigation.PAGES)
def test_a_home_that_is_gone_is_one_error_and_the_page_returns_with_it(
    page: str, store: Store, open_page: Open, put: Put, add_job: AddJob
) -> None:
    put()
    add_job("running", JobStatus.RUNNING)
    app = open_page(page)
    assert errors(app) == []
    away = store.home.rename(store.home.with_name("away"))
    app.run()
    assert any("is gone" in each for each in errors(app))
    assert len(set(errors(app))) == 1
    away.rename(store.home)
    app.run()
    assert errors(app) == []


@pytest.mark.parametrize("page", navigation.PAGES)
@pytest.mark.parametrize("content", [b"overwritten, and long enough to be looked at" * 50, b""])
def test_a_damaged_database_is_one_error(page: str, content: bytes, store: Store, open_page: Open) -> None:
    store.artifacts.put(b"weights")
    store.close()
    app = open_page(page)
    (store.home / "roboreg.db").write_bytes(content)
    for _ in range(2):
        restart()
        app.run()
        assert any("restore it from a backup" in each for each in errors(app))
        assert len(set(errors(app))) == 1


@pytest.mark.parametrize("page", navigation.PAGES)
def test_pages_of_a_read_only_home_are_shown(
    page: str, store: Store, open_page: Open, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put()
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    assert errors(open_page(page)) == []


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Contents of the downloads drawn, by key."""
    drawn: dict[str, str] = {}
    original = panels.download

    def download(label: str, data: str, file: str, key: str) -> None:
        drawn[key] = data
        original(label, data, file, key)

    monkeypatch.setattr(panels, "download", download)
    return drawn


def test_the_edited_schedule_can_be_downloaded_while_the_home_is_gone(
    store: Store, open_page: Open, downloads: dict[str, str]
) -> None:
    app = open_page("design", s="2,2,2,2,2,2,2,2,3")
    store.home.rename(store.home.with_name("away"))
    app.run()
    assert any("is gone" in each for each in errors(app))
    assert any(each.key == keys.DOWNLOAD_CURRENT for each in app.get("download_button"))
    assert json.loads(downloads[keys.DOWNLOAD_CURRENT]) == {"schedule": [2, 2, 2, 2, 2, 2, 2, 2, 3]}


def test_a_schedule_that_cannot_be_saved_can_be_downloaded(
    store: Store, open_page: Open, downloads: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_page("design", s="quarter")
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    app.text_input(key=keys.SAVE_NAME).set_value("mine")
    click(app, keys.SAVE)
    assert any("read-only" in each for each in errors(app))
    (draft,) = schedule_file.read(downloads[keys.DOWNLOAD_UNSAVED].encode())
    assert (draft.name, draft.schedule.name) == ("mine", "quarter")
    assert saved_schedules.saved_schedules(store) == []


@pytest.mark.parametrize("readable", [True, False])
def test_an_edit_that_cannot_be_saved_can_be_downloaded(
    store: Store, open_page: Open, downloads: dict[str, str], monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    saved = saved_one(store)
    app = opened(open_page("schedules"), saved)
    app.text_area(key=keys.of("note", saved)).set_value("for Tuesday")
    if readable:
        monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    else:
        store.home.rename(store.home.with_name("away"))
    click(app, keys.of("rename", saved))
    assert errors(app)
    (draft,) = schedule_file.read(downloads[keys.DOWNLOAD_UNSAVED].encode())
    assert (draft.name, draft.note, draft.schedule) == (HALF.name, "for Tuesday", HALF.schedule)


@pytest.mark.parametrize("edited", [True, False])
def test_a_new_schedule_that_cannot_be_saved_can_be_downloaded_on_schedules(
    store: Store, open_page: Open, downloads: dict[str, str], edited: bool
) -> None:
    app = open_page("design", s="quarter")
    names = []
    if edited:
        names = [HALF.name]
        saved = saved_one(store)
        app = opened(open_page("schedules"), saved)
        click(app, keys.of("rename", saved))
        app.query_params["s"] = "quarter"
        app.switch_page("pages/design.py").run()
    app.text_input(key=keys.SAVE_NAME).set_value("mine")
    store.home.rename(store.home.with_name("away"))
    click(app, keys.SAVE)
    app.switch_page("pages/schedules.py").run()
    assert errors(app)
    drafts = schedule_file.read(downloads[keys.DOWNLOAD_UNSAVED].encode())
    assert [draft.name for draft in drafts] == [*names, "mine"]


def broken(store: Store, table: str, name: str, column: str, change: str) -> None:
    with store._database.write() as db:
        done = db.execute(f"UPDATE {table} SET {column} = {change} WHERE id = ?", (name,))
        assert done.rowcount == 1


@pytest.mark.parametrize("page", navigation.PAGES)
def test_damaged_rows_hide_only_themselves_and_are_named_on_pages_with_lists(
    page: str, store: Store, open_page: Open, put: Put, add_job: AddJob
) -> None:
    put(identity="0123456789abcdef")
    whole = put(identity="fedcba9876543210")
    add_job("damaged", JobStatus.RUNNING)
    add_job("ended", JobStatus.FAILED, ended="2026-01-01T00:00:00+00:00")
    saved = saved_one(store)
    broken(store, "records", "0123456789abcdef", "result", "json_remove(result, '$.stages.dense.accuracy')")
    broken(store, "jobs", "damaged", "progress", """'{"fraction": "half"}'""")
    broken(store, "jobs", "ended", "spec", "json_remove(spec, '$.schedule')")
    broken(store, "saved", saved, "content", """'{"schedule": [1, 2]}'""")
    app = open_page(page)
    assert errors(app) == []
    warned = "\n".join(each.value for each in app.warning)
    for name in ("0123456789abcdef", saved):
        assert (f"{name} is damaged" in warned) is (page in ("overview", "jobs"))
    for name in ("damaged", "ended"):
        assert (f"{name} is damaged" in warned) is (page == "jobs")
    assert [each.id for each in store.list_records()].count(whole.id) == 1


def test_the_address_of_a_damaged_run_explains_it(store: Store, open_page: Open, put: Put) -> None:
    put(identity="0123456789abcdef")
    put(identity="fedcba9876543210")
    broken(store, "records", "0123456789abcdef", "result", "'{}'")
    app = open_page("inspect", run="0123456789abcdef")
    assert any("is damaged" in each for each in errors(app))
