"""A home full of texts that break careless pages, seen through a real browser: nothing runs, nothing is injected."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from benchmarks import homes
from tests import hostile_text
from tests.browser.conftest import App, start

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def visited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[App, list[str]]]:
    home = tmp_path_factory.mktemp("nasty") / "home"
    store = homes.open_store(home)
    runs = hostile_text.fill(store)
    store.close()
    running = start(home)
    yield running, runs
    running.stop()


def test_no_page_runs_or_injects_what_names_hold(browser: Browser, visited: tuple[App, list[str]]) -> None:
    app, runs = visited
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    page = context.new_page()
    complaints: list[str] = []
    page.on("dialog", lambda dialog: (complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: complaints.append(f"page error {error}"))
    page.on("console", lambda message: complaints.append(_said(message)) if _is_error(message) else None)
    page.on("request", lambda request: None if _is_own(request.url, app) else complaints.append(request.url[:200]))
    for name in homes.navigation():
        query = homes.query(name, runs)
        page.goto(f"{app.address}/{'' if name == 'overview' else name}?{urlencode(query)}")
        _assert_clean(page)
        for place in range(page.get_by_role("tab").count()):
            page.get_by_role("tab").nth(place).click()
            _assert_clean(page)
    context.close()
    assert complaints == []


def _is_error(message: ConsoleMessage) -> bool:
    """Errors but two kinds of Streamlit's own.

    Opened on a page's address, it first looks for its server below that address; and it asks whether the file behind a
    download button is there, which is gone where the next tab is opened at once.
    """
    is_file = "/media/" in message.location["url"] or message.text.startswith("Client Error: Download Button source")
    return message.type == "error" and "/_stcore/" not in message.location["url"] and not is_file


def _said(message: ConsoleMessage) -> str:
    return f"{message.text[:200]} ({message.location['url'][:200]})"


def _is_own(url: str, app: App) -> bool:
    return url.startswith((app.address, app.address.replace("http", "ws"), "data:", "blob:", "about:"))


def _assert_clean(page: Page) -> None:
    expect(page.locator(".stMain h1").first).to_be_visible()
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert page.evaluate("window.harmed === undefined")
    assert page.locator("#injected, .stMain script, .stMain img[src='x'], a[href^='javascript:']").count() == 0
