"""The preview, through a real browser and a real measurement."""

from __future__ import annotations

import re

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from roboreg_core.datasets import sources
from roboreg_core.evaluation.logits import logits
from roboreg_core.models import checkpoints
from roboreg_core.pruning.prune import PruneSpec, prune
from roboreg_core.runs.preview import CALIBRATION, precision_on
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.store import Store
from tests.browser.conftest import App

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# Generous: a loaded machine takes many times as long.
MEASURE_MS = 300_000
START = Schedule((2, 2, 2, 2, 2, 2, 2, 2, 12))


def accuracy(schedule: Schedule, threads: int) -> float:
    """What the preview must say; another number of threads adds up in another order, which may move some images."""
    own = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return measured(schedule)
    finally:
        torch.set_num_threads(own)


def measured(schedule: Schedule) -> float:
    dense = checkpoints.load("dense").model
    pruned = prune(
        dense, schedule, PruneSpec(calibration=CALIBRATION), calibration=sources.training_images("bundled")
    ).model
    images = sources.validation_images()
    hits = logits(pruned, images, precision=precision_on(torch.device("cpu"))).argmax(1) == images.labels
    return float(hits.float().mean())


def percent(figure: Locator) -> str:
    return str(re.findall(r"([\d.]+)\s%\s±", figure.inner_text())[0])


def test_a_moved_slider_brings_a_new_figure(page: Page, app: App) -> None:
    page.goto(f"{app.address}/design?s={START}")
    figures = page.locator(".st-key-preview")
    figure = figures.last  # while the page is drawn again there may be two for a moment
    expect(figure).to_contain_text("±", timeout=MEASURE_MS)
    expect(figures).to_have_count(1)
    before = percent(figure)
    slider = page.locator(".st-key-slider-9 input[type=range]:visible")
    slider.focus()
    slider.press("End")
    expect(page).to_have_url(re.compile(r"(,|%2C)64"))
    expect(figure).not_to_contain_text(before, timeout=MEASURE_MS)
    expect(figure).to_contain_text("±", timeout=MEASURE_MS)
    expect(figures).to_have_count(1)
    shown = float(percent(figure))
    note = page.locator(".st-key-preview-note").last.inner_text()
    threads = int(re.findall(r"(\d+)\sthread", note)[0])
    # What blocks share was computed once: an image or two of 2,000 may fall the other way.
    assert shown == pytest.approx(100 * accuracy(START.replace(9, 64), threads), abs=0.35)
    expect(slider).to_be_focused()
    assert Store(app.home).list_jobs(KIND) == []
