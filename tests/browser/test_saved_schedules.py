"""Saving, renaming, exporting, deleting, undoing and importing a schedule, as a person does it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from roboreg_core.models.costs import cost
from roboreg_core.schedules.schedule import presets
from tests.browser.conftest import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NAME = "<script>alert('x')</script> \"half\" \U0001f600 \u05e9\u05dc\u05d5\u05dd"
OTHER = "\u05e9\u05dc\u05d5\u05dd <img src=x onerror=alert(1)>"


def menu(page: Page, name: str, action: str) -> None:
    """Open the menu of the schedule with this name and press a button there, unless `action` is empty."""
    row = page.locator("[class*='st-key-saved-']").filter(has=page.locator("bdi", has_text=name)).first
    row.get_by_role("button", name="More").click()
    if action:
        page.locator(f"[class*='st-key-{action}-'] button").click()


def listed(page: Page, name: str) -> Locator:
    """The name where it heads a row of the list; the list of deleted ones may still be there while it is redrawn."""
    return page.locator("strong bdi", has_text=name)


def last_slider_stands_at(page: Page, count: int) -> None:
    sliders = page.locator(".st-key-slider-9 input[type=range]:visible")
    expect(sliders.and_(page.locator(f"[value='{count}']"))).to_have_count(1)
    expect(sliders).to_have_count(1)  # while one replaces another there are two


def exported(page: Page, folder: Path) -> Path:
    with page.expect_download() as download:
        page.locator("[class*='st-key-export-'] button").first.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_life_of_a_saved_schedule(page: Page, app: App, tmp_path: Path) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))

    # Save what stands on Design, load it again over another one.
    page.goto(f"{app.address}/design?s=2,2,2,2,2,2,2,2,40")
    page.locator(".st-key-save-panel button").first.click()
    page.locator(".st-key-save-name input").fill(NAME)
    page.locator(".st-key-save-tags input").fill("meeting, <b>")
    page.locator(".st-key-save button").click()
    expect(page.get_by_text(re.compile("Saved .*half"))).to_be_visible()
    page.keyboard.press("Escape")
    page.locator(".st-key-preset-quarter button").click()
    last_slider_stands_at(page, 16)
    page.locator(".st-key-load-saved input").click()
    page.get_by_role("option").filter(has_text="half").click()
    last_slider_stands_at(page, 40)

    # Rename it.
    page.goto(f"{app.address}/schedules")
    schedule = presets()["aggressive"].replace(9, 40)
    expect(page.locator("bdi", has_text=NAME)).to_be_visible()
    expect(page.get_by_text(f"{cost(schedule).parameters:,} parameters")).to_be_visible()
    menu(page, NAME, "")
    page.locator("[class*='st-key-name-'] input").fill(OTHER)
    page.locator("[class*='st-key-rename-'] button").click()
    expect(page.locator("bdi", has_text=OTHER)).to_be_visible()
    expect(page.locator("bdi", has_text=NAME)).to_have_count(0)

    # Export it, delete it, undo, delete it again.
    menu(page, OTHER, "")
    file = exported(page, tmp_path)
    entry = {"name": OTHER, "note": "", "tags": ["meeting", "<b>"], "schedule": schedule.to_json()}
    assert json.loads(file.read_text(encoding="utf-8"))["schedules"] == [entry]
    page.keyboard.press("Escape")  # a download may close the menu by itself
    expect(page.locator("[class*='st-key-delete-'] button")).to_have_count(0)
    menu(page, OTHER, "delete")
    expect(page.get_by_text("No saved schedules yet")).to_be_visible()
    page.locator(".st-key-undo button").click()
    expect(listed(page, OTHER)).to_be_visible()
    menu(page, OTHER, "delete")
    expect(page.get_by_text("No saved schedules yet")).to_be_visible()

    # Import it in a fresh visit; a bad file says why and changes nothing.
    page.goto(f"{app.address}/schedules")
    page.locator(".st-key-import-panel button").first.click()
    page.locator(".st-key-import input[type=file]").set_input_files(file)
    expect(page.get_by_text(re.compile("Imported 1.schedule"))).to_be_visible()
    bad = tmp_path / "bad.json"
    bad.write_text(file.read_text(encoding="utf-8").replace("40", "400"), encoding="utf-8")
    page.goto(f"{app.address}/schedules?tag=meeting")
    page.locator(".st-key-import-panel button").first.click()
    page.locator(".st-key-import input[type=file]").set_input_files(bad)
    expect(page.get_by_text("filter count for block 9 must be 1..64, got 400")).to_be_visible()

    # One click leads back to Design.
    page.goto(f"{app.address}/schedules?tag=meeting")
    expect(page.locator("bdi", has_text=OTHER).first).to_be_visible()
    page.get_by_role("button", name="Open in Design").click()
    expect(page).to_have_url(re.compile("design.*s=2.*40"))
    last_slider_stands_at(page, 40)
    assert alerts == []
