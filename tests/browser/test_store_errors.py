"""The real app over a damaged store, and over a home that is moved away and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import start

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_damaged_store_is_one_message_and_no_traceback(page: Page, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "roboreg.db").write_bytes(b"overwritten, and long enough to be looked at" * 50)
    app = start(home)
    try:
        for name in ("", "design", "jobs"):
            page.goto(f"{app.address}/{name}")
            expect(page.get_by_test_id("stAlert")).to_have_count(1)
            expect(page.get_by_test_id("stAlert")).to_contain_text("restore it from a backup")
            expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
            expect(page.get_by_test_id("stException")).to_have_count(0)
    finally:
        app.stop()


def test_the_schedule_outlives_a_home_that_is_moved_away_and_back(page: Page, tmp_path: Path) -> None:
    home = tmp_path / "home"
    app = start(home)
    try:
        page.goto(f"{app.address}/design?s=2,2,2,2,2,2,2,2,3")
        name = page.get_by_label("Name", exact=True)
        save = page.get_by_role("button", name="Save this schedule")
        page.get_by_role("button", name="Save", exact=False).first.click()
        name.fill("mine")
        home.rename(tmp_path / "away")
        save.click()
        expect(page.get_by_text("is gone")).to_have_count(1)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download this schedule (JSON)").click()
        assert download.value.path().read_text() == '{"schedule": [2, 2, 2, 2, 2, 2, 2, 2, 3]}'
        (tmp_path / "away").rename(home)
        page.reload()
        expect(page.get_by_role("button", name="Save", exact=False).first).to_be_visible()
        expect(page.get_by_text("is gone")).to_have_count(0)
    finally:
        app.stop()
