"""Login by password and by OpenID Connect: viewers look, people who are signed in write, and their names are kept."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st
from streamlit import config
from streamlit.errors import StreamlitMissingAuthlibError
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.secrets import Secrets
from streamlit.testing.v1 import AppTest

from roboreg_core.paths import PROJECT
from roboreg_core.schedules import saved_schedules
from roboreg_core.schedules.saved_schedules import ScheduleDraft
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from roboreg_core.ui import access, allowed_hosts, navigation, shared_state
from roboreg_core.ui.upload_gate import UploadGate
from tests.networks.helpers import keep_network
from tests.ui.conftest import FakeEngine, wait_loaded
from tests.ui.test_pages import AddJob, Open, Put, click, said

PASSWORD = "correct horse"
REFUSED = "sign in first"


@pytest.fixture(autouse=True)
def _new_server() -> Iterator[None]:
    access._wrong.clear()
    access._oidc.clear()
    yield
    access._wrong.clear()
    access._oidc.clear()


@pytest.fixture
def gated(engine: FakeEngine) -> FakeEngine:
    """The engine writes to the store of the pages, as the real one does."""
    engine.store = shared_state.store()
    return engine


@pytest.fixture
def password(gated: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(access.SETTING, PASSWORD)
    return PASSWORD


@pytest.fixture
def oidc(gated: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the provider said of the visitor."""
    user: dict[str, Any] = {"is_logged_in": False}
    monkeypatch.setattr(st, "secrets", {"auth": {"client_id": "roboreg"}})
    monkeypatch.setattr(st, "user", user)
    return user


def sign_in(app: AppTest, password: str, name: str = "Ada") -> AppTest:
    """Sign in; `app` is a visit after its first run, which is the only one that draws the line above the pages."""
    app.text_input(key="sign-in-name").set_value(name)
    app.text_input(key="sign-in-password").set_value(password)
    click(app, "sign-in")
    return app


def visit() -> AppTest:
    """The first run of a visit."""
    assert wait_loaded()
    return AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60).run()


def opened(app: AppTest, page: str, **query: str) -> AppTest:
    """Another page of the same visit."""
    for name, value in query.items():
        app.query_params[name] = value
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception, app.exception[0].message
    return app


def error_of(app: AppTest) -> str:
    """Error of signing in that the next run shows."""
    return str(app.session_state.get("kept-error-sign-in", ""))


def is_signed_in(app: AppTest) -> bool:
    return access._NAME in app.session_state


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Buttons are enabled for viewers: a replayed request does not depend on what the page shows."""
    monkeypatch.setattr(access, "may_write", lambda: True)


def content(store: Store) -> list[Any]:
    return [store.list_records(), store.list_deleted(), store.list_jobs(), store.saved.active("schedule")]


def test_without_a_login_nothing_changes(open_page: Open, gated: FakeEngine, store: Store) -> None:
    app = visit()
    assert not [each for each in app.button if "sign-in" in (each.key or "")]
    assert "Everyone who can reach" not in said(app)
    app = open_page("design", s="moderate")
    click(app, "start")
    assert [job.author for job in store.list_jobs()] == [None]


@pytest.mark.parametrize("page", navigation.PAGES)
def test_a_viewer_sees_every_page(page: str, open_page: Open, password: str, put: Put) -> None:
    put()
    app = open_page(page)
    assert not app.error
    assert "Sign in to start" in said(visit())


def test_a_viewer_cannot_start_by_page_or_address(
    open_page: Open, password: str, store: Store, gated: FakeEngine
) -> None:
    for page, key in {"design": "start", "train": "train-start", "explore": "sweep-start"}.items():
        assert open_page(page, s="moderate", epochs="1").button(key=key).disabled
    assert gated.asked == [], "no preview either"
    assert content(store) == [[], [], [], []]


@pytest.mark.parametrize(("page", "key"), [("design", "start"), ("train", "train-start"), ("explore", "sweep-start")])
def test_a_viewer_cannot_start_by_a_replayed_request(
    page: str, key: str, open_page: Open, password: str, store: Store, gated: FakeEngine, replayed: None
) -> None:
    app = open_page(page, s="moderate")
    click(app, key)
    assert REFUSED in said(app)
    assert gated.asked == []
    assert content(store) == [[], [], [], []]
    assert not (store.home / "artifacts").exists()


def test_a_viewer_cannot_save_rename_or_delete_by_a_replayed_request(
    open_page: Open, password: str, store: Store, gated: FakeEngine, put: Put, add_job: AddJob, replayed: None
) -> None:
    run = put()
    saved = saved_schedules.save(store, ScheduleDraft(name="half", schedule=presets()["moderate"]))
    network = keep_network(store, "mine")
    assert network.record is not None
    add_job("stopped", JobStatus.FAILED)
    add_job("running", JobStatus.RUNNING)
    before = content(store)

    app = open_page("design", s="quarter")
    app.text_input(key="save-name").set_value("mine")
    click(app, "save")
    assert REFUSED in said(app)
    app = open_page("schedules")
    app.session_state[f"more-{saved.id}"] = True
    app.run()
    for action in ("duplicate", "delete", "rename"):
        click(app, f"{action}-{saved.id}")
        assert REFUSED in said(app)
    app = open_page("jobs")
    for key in ("cancel-running", "resume-stopped", "forget-stopped"):
        click(app, key)
        assert REFUSED in said(app)
    assert (gated.cancelled, gated.resumed) == ([], [])
    app = open_page("train")
    app.session_state[f"more-{network.record.id}"] = True
    app.run()
    for action in ("rename", "delete"):
        click(app, f"{action}-{network.record.id}")
        assert REFUSED in said(app)
    app = open_page("inspect", run=run.id)
    click(app, "delete-run")
    click(app, "confirm-delete")
    assert REFUSED in said(app)
    assert content(store) == before


def test_a_viewer_cannot_download_images(
    open_page: Open, password: str, monkeypatch: pytest.MonkeyPatch, replayed: None
) -> None:
    from roboreg_core.datasets.background_download import BackgroundDownload

    started: list[BackgroundDownload] = []

    def begin(download: BackgroundDownload) -> None:
        started.append(download)

    monkeypatch.setattr(BackgroundDownload, "start", begin)
    app = open_page("train")
    click(app, "train-fetch")
    assert REFUSED in said(app)
    assert started == []
    click(opened(sign_in(visit(), password), "train"), "train-fetch")
    assert len(started) == 1


def test_a_forged_session_key_does_not_sign_in(open_page: Open, password: str, store: Store, replayed: None) -> None:
    app = open_page("design", s="moderate")
    forged = app._tree.get_widget_states()
    forged.widgets.append(WidgetState(id=access._NAME, string_value="Mallory"))
    forged.widgets.append(WidgetState(id=app.button(key="start").id, trigger_value=True))
    app._run(widget_state=forged)
    assert store.list_jobs() == []


def test_the_password_signs_in_and_names_are_kept(open_page: Open, password: str, store: Store, put: Put) -> None:
    app = opened(sign_in(visit(), password, "Ada <b>"), "design", s="moderate")
    click(app, "start")
    assert [job.author for job in store.list_jobs()] == ["Ada <b>"]
    assert "Ada \\<b\\>" in said(opened(app, "jobs"))

    run = put()
    opened(app, "inspect", run=run.id)
    click(app, "delete-run")
    click(app, "confirm-delete")
    assert [each.deleted_by for each in store.list_deleted()] == ["Ada <b>"]
    opened(app, "overview")
    assert "Ada &lt;b&gt;" in "\n".join(element.proto.body for element in app.get("html"))


def test_a_name_is_required(password: str) -> None:
    app = sign_in(visit(), password, "  ")
    assert "1..80 characters" in error_of(app)
    assert not is_signed_in(app)


def test_wrong_passwords_are_limited_for_the_whole_server(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: now[0]))
    for number in range(access.WRONG):
        assert "password is wrong" in error_of(sign_in(visit(), f"guess {number}"))  # a visit of its own
    app = sign_in(visit(), password)
    assert "wrong passwords were entered" in error_of(app)
    assert not is_signed_in(app)
    now[0] += access.PERIOD_SECONDS + 1
    assert is_signed_in(sign_in(visit(), password))


@pytest.mark.parametrize("guess", ["", "correct hors", "correct horse ", "Correct horse", "ß"])
def test_only_the_password_is_accepted(guess: str, password: str) -> None:
    app = sign_in(visit(), guess)
    assert not is_signed_in(app)
    assert "password is wrong" in error_of(app)


def test_oidc_decides_who_writes(
    open_page: Open, oidc: dict[str, Any], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(access.SETTING, PASSWORD)  # the provider decides where both are set
    app = visit()
    assert "Sign in to start" in said(app)
    with pytest.raises(KeyError):
        app.text_input(key="sign-in-password")
    opened(app, "design", s="moderate")
    assert app.button(key="start").disabled
    with monkeypatch.context() as patch:
        patch.setattr(access, "may_write", lambda: True)
        click(app.run(), "start")
    assert REFUSED in said(app)
    assert store.list_jobs() == []

    oidc.update(is_logged_in=True, email="ada@example.org", name="Ada")
    assert "Signed in as ada@example.org" in said(visit()).replace("\\", "")
    app.run()
    click(app, "start")
    assert [job.author for job in store.list_jobs()] == ["ada@example.org"]


def test_signing_in_and_out_by_oidc(open_page: Open, oidc: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(st, "login", called.append)
    monkeypatch.setattr(st, "logout", lambda: called.append("out"))
    click(visit(), "sign-in-oidc")
    monkeypatch.setattr(st, "secrets", {"auth": {"cookie_secret": "x", "google": {}, "okta": {}}})
    click(visit(), "sign-in-okta")
    oidc.update(is_logged_in=True, sub="1")
    click(visit(), "sign-out")
    assert called == [None, "okta", "out"]


@pytest.mark.parametrize("error", [StreamlitMissingAuthlibError(), PermissionError("secrets.toml")])
def test_signing_in_without_a_usable_provider_is_one_error(
    error: Exception, open_page: Open, oidc: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def login(provider: str | None) -> None:
        raise error

    monkeypatch.setattr(st, "login", login)
    app = visit()
    click(app, "sign-in-oidc")
    assert "Signing in failed" in error_of(app)


@pytest.fixture
def secrets_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Streamlit's only file of secrets; absent."""
    files = config.get_option("secrets.files")
    config.set_option("secrets.files", [str(tmp_path / "secrets.toml")])
    monkeypatch.setattr(st, "secrets", Secrets())
    yield tmp_path / "secrets.toml"
    config.set_option("secrets.files", files)


@pytest.mark.parametrize("content", [b"[auth", b"[auth]\nname = '\xe9'", None], ids=["no TOML", "no UTF-8", "folder"])
def test_secrets_that_cannot_be_read_permit_nothing(
    content: bytes | None,
    secrets_file: Path,
    open_page: Open,
    gated: FakeEngine,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets_file.mkdir() if content is None else secrets_file.write_bytes(content)
    assert not access.may_write()
    monkeypatch.setattr(access, "may_write", lambda: True)
    app = open_page("design", s="moderate")
    click(app, "start")
    assert REFUSED in said(app)
    assert store.list_jobs() == []


def test_a_removed_login_permits_nothing(secrets_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert access.may_write()
    secrets_file.write_text("[auth]\nclient_id = 'roboreg'")
    monkeypatch.setattr(st, "secrets", Secrets())
    assert access.needs_login()
    for content in ("", None):
        secrets_file.unlink() if content is None else secrets_file.write_text(content)
        monkeypatch.setattr(st, "secrets", Secrets())
        assert access.needs_login()
        assert not access.uses_password()
        assert not access.may_write()


@pytest.mark.parametrize("proxy", [False, True])
def test_an_open_server_warns(
    proxy: bool, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert not access.is_open()
    if proxy:
        monkeypatch.setenv(allowed_hosts.SETTING, "roboreg.example.org")
    else:
        monkeypatch.setattr(allowed_hosts, "is_public", lambda: True)
    access.warn_if_open()
    assert [each.message for each in caplog.records if each.name == access.__name__] == [access.OPEN]
    assert "Everyone who can reach this server" in said(visit())
    monkeypatch.setenv(access.SETTING, PASSWORD)
    caplog.clear()
    access.warn_if_open()
    assert not [each for each in caplog.records if each.name == access.__name__]
    assert "Everyone who can reach this server" not in said(visit())


def test_a_visitor_who_clears_the_caches_keeps_store_and_engine(gated: FakeEngine) -> None:
    visit()
    shared = shared_state.store(), shared_state.backend()
    st.cache_data.clear()  # as a browser's message `clear_cache` does
    st.cache_resource.clear()
    visit()
    assert (shared_state.store(), shared_state.backend()) == shared


def test_the_app_s_own_threads_write(password: str) -> None:
    assert access.author() is None, "no visit"


def calls(name: str) -> list[Path]:
    """Files of the interface that call a function or class of this name."""
    files = [PROJECT / "app.py", *(PROJECT / "pages").rglob("*.py"), *(PROJECT / "roboreg_core" / "ui").rglob("*.py")]

    def has(path: Path) -> bool:
        found = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
        return any(getattr(node.func, "id", getattr(node.func, "attr", "")) == name for node in found)

    return [path for path in files if has(path)]


@pytest.mark.parametrize("name", ["open_store", "Engine"])
def test_pages_have_no_store_or_engine_without_the_gate(name: str) -> None:
    assert [path.name for path in calls(name)] == ["shared_state.py"]


def upload_status(session: str, method: str = "PUT") -> int:
    """Status of an upload for a visit: 200 if it reaches Streamlit."""
    sent: list[dict[str, Any]] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        sent.append({"status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": f"/base/_stcore/upload_file/{session}/file"}
    asyncio.run(UploadGate(behind)(scope, lambda: None, send))  # type: ignore[arg-type]
    return int(sent[0]["status"])


def test_only_visits_that_are_signed_in_upload(password: str, monkeypatch: pytest.MonkeyPatch) -> None:
    visit_id = "test session id"  # of every visit of `AppTest`
    visit()
    assert [upload_status(each) for each in (visit_id, "unknown", "")] == [403, 403, 403]
    with monkeypatch.context() as patch:
        patch.setattr(access, "person", lambda: "Ada")
        visit()
        assert [upload_status(each) for each in (visit_id, "unknown", "")] == [200, 403, 403]
    visit()
    assert upload_status(visit_id) == 403
    monkeypatch.delenv(access.SETTING)
    assert upload_status("unknown") == 200
