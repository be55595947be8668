"""Signing in by password in the browser, behind a name of a proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from roboreg_core.ui import navigation, schedule_html
from tests.browser.conftest import App, start
from tests.browser.test_hosts import HANDSHAKE, answer

PASSWORD = "correct horse"
PROXY = "roboreg.example.org"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("sign-in") / "home"
    running = start(home, ROBOREG_PASSWORD=PASSWORD, ROBOREG_HOSTS=PROXY)
    yield running
    running.stop()


def test_a_viewer_signs_in_and_starts(app: App, page: Page) -> None:
    for name in navigation.PAGES:
        page.goto(f"{app.address}/{name if name != 'overview' else ''}")
        expect(page.locator(".st-key-access")).to_contain_text("Sign in to start")
    page.goto(f"{app.address}/design?s=moderate&epochs=0")
    begin = page.locator(".st-key-start button")
    expect(begin).to_be_disabled()
    page.locator(".st-key-sign-in-panel button").click()
    page.locator(".st-key-sign-in-name input").fill("Ada")
    page.locator(".st-key-sign-in-password input").fill("wrong")
    page.locator(".st-key-sign-in button").click()
    expect(page.get_by_text("The password is wrong")).to_be_visible()
    if not page.locator(".st-key-sign-in-password input").is_visible():
        page.locator(".st-key-sign-in-panel button").click()
    page.locator(".st-key-sign-in-password input").fill(PASSWORD)
    page.locator(".st-key-sign-in button").click()
    expect(page.locator(".st-key-access")).to_contain_text("Signed in as Ada")
    expect(begin).to_be_enabled()
    begin.click()
    page.get_by_role("link", name="Jobs").first.click()
    expect(page.get_by_text(f"by {schedule_html.isolated('Ada')}").first).to_be_visible()


def test_the_proxy_s_name_is_accepted(app: App) -> None:
    assert answer(app, "GET", "/", PROXY)[0] == 200
    assert answer(app, "GET", "/_stcore/stream", PROXY, Origin=f"https://{PROXY}", **HANDSHAKE)[0] == 101
    assert answer(app, "GET", "/", f"other.{PROXY}")[0] == 403
