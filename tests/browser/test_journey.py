"""What a person does, from the first page to the downloaded weights, through a real browser and a real training."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from roboreg_core.models.costs import cost
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store
from tests.browser.conftest import App, start, until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Generous: a loaded machine takes several times as long.
LOAD_SECONDS = 180.0


@pytest.fixture(scope="module")
def app(small_app: App) -> App:
    return small_app


def open_design(page: Page, app: App, schedule: str = "") -> None:
    page.goto(f"{app.address}/design{schedule}")
    expect(page.locator(".st-key-epochs input")).to_be_visible(timeout=LOAD_SECONDS * 1000)


def set_epochs(page: Page, epochs: int) -> None:
    field = page.locator(".st-key-epochs input")
    field.fill(str(epochs))
    field.press("Enter")
    expect(page).to_have_url(re.compile(f"epochs={epochs}"))


def newest(store: Store) -> Job:
    return store.list_jobs(KIND)[0]


def test_the_whole_journey(page: Page, browser: Browser, app: App, tmp_path: Path) -> None:
    # Choose a preset, then move one slider by keyboard: the counts follow.
    open_design(page, app)
    page.locator(".st-key-preset-quarter button").click()
    counts = page.locator(".st-key-counts")
    expect(counts).to_contain_text(f"{cost(presets()['quarter']).parameters:,}")
    slider = page.locator(".st-key-slider-9 input[type=range]:visible")
    expect(slider).to_have_count(1)
    expect(slider).to_have_value("16")
    slider.focus()
    slider.press("ArrowRight")
    wanted = presets()["quarter"].replace(9, 17)
    expect(counts).to_contain_text(f"{cost(wanted).parameters:,}")
    expect(page).to_have_url(re.compile("s=4(,|%2C)4"))

    # Start a short fine-tune, see progress, reload in the middle: it goes on.
    set_epochs(page, 1)
    page.locator(".st-key-start button").click()
    expect(page.locator(".st-key-show-progress button")).to_be_visible()
    store = Store(app.home)
    until(lambda: newest(store).status is JobStatus.RUNNING)
    page.reload()
    expect(page.locator(".st-key-show-progress button")).to_be_visible()
    page.goto(f"{app.address}/jobs")
    expect(page.get_by_text(re.compile(r"is running, \d+")).first).to_be_visible()

    # Wait, then read the result.
    until(lambda: newest(store).status.is_ended)
    job = newest(store)
    assert job.status is JobStatus.FINISHED, job.error
    page.goto(f"{app.address}/design?s={wanted}&epochs=1")
    page.locator(".st-key-open-run button").click()
    expect(page).to_have_url(re.compile(f"inspect.*run={job.key}"))
    result = store.find_record(job.key).result
    accuracy = result["stages"]["tuned"]["accuracy"]
    read_result(page, f"{100 * accuracy:.1f}", result)

    # The permalink says the same in a second browser; the weights load from the command line.
    second = browser.new_context()
    other = second.new_page()
    other.goto(f"{app.address}/inspect?run={job.key}")
    expect(other.get_by_text(f"{100 * accuracy:.1f}").first).to_be_visible()
    second.close()
    page.get_by_role("tab", name="Files").or_(page.get_by_text("Files", exact=True)).first.click()
    with page.expect_download() as download:
        page.locator(".st-key-download-weights button").click()
    weights = tmp_path / "weights.safetensors"
    download.value.save_as(weights)
    command = [sys.executable, "-m", "roboreg_core", "evaluate", str(weights), "--json"]
    done = subprocess.run(command, cwd=app.project, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["accuracy"] == pytest.approx(accuracy, abs=2e-4)
    assert answer["schedule"] == wanted.to_json()


def read_result(page: Page, accuracy: str, result: dict) -> None:  # type: ignore[type-arg]
    expect(page.get_by_text(accuracy).first).to_be_visible()
    macro = result["stages"]["tuned"]["macro"]
    expect(page.get_by_text("Worst-class recall", exact=False).first).to_be_visible()
    assert 0 < macro["f1"] < 1
    page.get_by_role("tab", name="Confusion").or_(page.get_by_text("Confusion", exact=True)).first.click()
    expect(page.get_by_text("Most frequent confusion").first).to_be_visible()
    expect(page.locator("[class*=st-key-] svg text, [class*=st-key-] canvas").first).to_be_visible()


def test_a_terminated_app_loses_nothing(browser: Browser, small_project: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    app = start(home, small_project)
    context = browser.new_context()
    context.set_default_timeout(60_000)
    page = context.new_page()
    open_design(page, app, "?s=2,2,2,2,2,2,2,2,3&method=l1")  # a method that takes no time
    set_epochs(page, 3)
    page.locator(".st-key-start button").click()
    store = Store(home)
    until(lambda: store.list_jobs(KIND) and newest(store).state is not None)
    app.stop(signal.SIGTERM)
    again = start(home, small_project)
    page.goto(f"{again.address}/jobs")
    resume = page.locator(f".st-key-resume-{newest(store).id} button")
    expect(resume).to_be_visible()
    assert newest(store).status is JobStatus.INTERRUPTED
    resume.click()
    until(lambda: newest(store).status in (JobStatus.FINISHED, JobStatus.FAILED))
    job = newest(store)
    assert job.status is JobStatus.FINISHED, job.error
    assert [epoch["epoch"] for epoch in store.find_record(job.key).result["history"]] == [1, 2, 3]
    context.close()
    again.stop()
