"""A ZIP of pictures becomes a data set in a real browser; a deep network is designed by keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from roboreg_core import paths
from roboreg_core.architecture import Architecture
from roboreg_core.datasets import library
from roboreg_core.store.store import Store
from tests.browser.conftest import App, start
from tests.datasets.made_images import classes, zipped
from tests.networks.helpers import keep_network

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DEEP = Architecture(depth=56)
LOAD_MS = 180_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    home = tmp_path_factory.mktemp("browser") / "home"
    home.mkdir()
    store = Store(home)
    keep_network(store, "deep", architecture=DEEP)
    store.close()
    running = start(home)
    yield running
    running.stop()


def test_a_zip_is_uploaded_read_and_added(
    page: Page, app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOREG_HOME", str(app.home))
    page.goto(f"{app.address}/train")
    part = page.locator("[class*='st-key-part-data']")
    expect(part).to_be_visible(timeout=LOAD_MS)
    files = classes(3, 400) | {"class 1/broken.png": b"no picture"}
    part.locator("input[type=file]").set_input_files(zipped(tmp_path / "shapes.zip", files))
    page.locator(".st-key-data-read button").click()
    expect(part).to_contain_text("1,200 pictures of 3 classes", timeout=LOAD_MS)
    expect(part).to_contain_text("Unreadable files, left out: 1")
    expect(part.locator("img").first).to_be_visible()
    page.locator(".st-key-data-add button").click()
    expect(part).to_contain_text(re.compile("Added .*shapes"), timeout=LOAD_MS)
    assert paths.datasets() == app.home / "datasets"
    (added,) = library.own_datasets()
    assert (added.name, added.n_classes) == ("shapes", 3)
    expect(page.locator(".st-key-train-data")).to_be_visible()


def test_a_deep_network_is_designed_by_keyboard(page: Page, app: App) -> None:
    page.goto(f"{app.address}/design?dense=deep")
    stage = slider(page, "stage-slider", 2)
    expect(stage).to_have_value("16", timeout=LOAD_MS)
    stage.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"s=(8%2C){9}(15%2C){9}(32%2C){8}32"))
    page.locator(".st-key-open-stage-2 button:visible").press("Enter")
    block = slider(page, "slider", 18)
    expect(block).to_have_value("15")
    block.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"s=(8%2C){9}(15%2C){8}16%2C(32%2C){8}32"))
    expect(page.locator(".st-key-stage-slider-2")).to_contain_text("15 to 16")


def slider(page: Page, name: str, number: int) -> Locator:
    return page.locator(f".st-key-{name}-{number} input[type=range]:visible")
