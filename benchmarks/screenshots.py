"""Renders every page into `docs/images/`: `python -m benchmarks.screenshots`.

One home has only the example runs; the other also has a run, saved schedules and a running job, all created by the app,
so that every figure in a picture was measured. A page is a row of `SHOTS`; a page of the navigation without a row is an
error.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks import homes
from benchmarks.browser import chromium, running
from roboreg_core import paths
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.saved_schedules import ScheduleDraft, save
from roboreg_core.schedules.schedule import Schedule, presets

IMAGES = paths.PROJECT / "docs" / "images"
WIDE, NARROW = (1280, 900), (390, 844)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
MOST_BYTES = 4_000_000
WAIT_MS = 120_000
OWN_RUN = ("12,12,12,20,20,20,40,40,40", "--epochs", "1")
SAVED = (
    ScheduleDraft(name="Half, for Monday", schedule=presets()["moderate"], note="The one to beat.", tags=("meeting",)),
    ScheduleDraft(name="Late blocks only", schedule=Schedule.parse("16,16,16,32,32,32,24,24,24"), tags=("idea",)),
)


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture.

    Attributes:
        name: file name without theme and suffix.
        page: file name of the page.
        query: query of the address; `{run}` is the example run `moderate`, `{runs}` are four example runs.
        wait: selector of an element that must exist before the picture is taken.
        narrow: True to render it for a narrow screen, too.
        own: True to use the home with your runs.
        tall: height in pixels.
    """

    name: str
    page: str
    wait: str
    query: tuple[tuple[str, str], ...] = ()
    narrow: bool = False
    own: bool = False
    tall: int = WIDE[1]


BUSY = "[data-testid='stStatusWidget'], [data-testid='stSkeleton'], [data-testid='stSpinner']"
CHART = "[data-testid='stVegaLiteChart'] canvas, [data-testid='stVegaLiteChart'] svg"
RUN = ("run", "{run}")
SHOTS = (
    Shot(name="overview", page="overview", wait=CHART, narrow=True, tall=1100),
    Shot(name="overview-own", page="overview", wait=CHART, own=True, tall=1100),
    Shot(
        name="design",
        page="design",
        query=(("s", "moderate"),),
        wait=".st-key-preview",
        narrow=True,
        tall=1250,
    ),
    Shot(name="schedules", page="schedules", wait="[class*='st-key-design-']", own=True, narrow=True),
    Shot(name="jobs", page="jobs", wait="[class*='st-key-job-']", own=True, narrow=True),
    Shot(name="compare", page="compare", query=(("runs", "{runs}"),), wait=CHART, narrow=True, tall=1400),
    # Tabs are found on the page; one picture per tab.
    Shot(name="explore", page="explore", wait=".st-key-sweep-cost [data-testid='stMetric']", narrow=True),
    Shot(name="train", page="train", wait=".st-key-train-start", narrow=True, tall=1250),
    Shot(name="inspect", page="inspect", query=(RUN,), wait=".st-key-finding", narrow=True, tall=1300),
)


def main() -> None:
    """Render all pictures, or those whose names begin with `--only`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="prefix of the names of the pictures")
    parser.add_argument("--out", type=Path, default=IMAGES)
    chosen = parser.parse_args()
    shots = [shot for shot in SHOTS if shot.page in _pages() and shot.name.startswith(chosen.only)]
    chosen.out.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        made: list[Path] = []
        for own in sorted({shot.own for shot in shots}):
            home = Path(folder) / ("own" if own else "empty")
            with _app(home, browser, own=own) as address:
                runs = _recorded(home)
                for shot in (each for each in shots if each.own == own):
                    made += _take(browser, address, shot, runs, chosen.out)
    size = sum(path.stat().st_size for path in chosen.out.glob("*.webp"))
    print(f"{len(made)} pictures rendered; {chosen.out} has {size / 1e6:.2f} MB")
    if size > MOST_BYTES:
        sys.exit(
            f"the pictures must have at most {MOST_BYTES / 1e6:.0f} MB, got {size / 1e6:.2f}; make fewer or smaller"
        )


def _pages() -> list[str]:
    pages = homes.navigation()
    missing = set(pages) - {shot.page for shot in SHOTS}
    if missing:
        sys.exit(f"every page must have a picture, {', '.join(sorted(missing))} has none; add a row to SHOTS")
    return pages


def _recorded(home: Path) -> dict[str, str]:
    """Return the values of `{run}` and `{runs}`: example runs, equal on every machine."""
    store = homes.open_store(home)
    refit = [each for each in store.list_records(KIND) if each.recorded and each.spec["method"] == "refit"]
    store.close()
    moderate = next(each.id for each in refit if each.result["cost"]["parameters"] == 135_754)
    return {"run": moderate, "runs": ",".join(each.id for each in refit[:4])}


@contextmanager
def _app(home: Path, browser: Browser, *, own: bool) -> Iterator[str]:
    """Yield the app on `home`; with `own`, after a run there, with saved schedules and a running job."""
    if own:
        environment = {**os.environ, "ROBOREG_HOME": str(home)}
        command = [sys.executable, "-m", "roboreg_core", "run", *OWN_RUN]
        subprocess.run(command, cwd=paths.PROJECT, env=environment, check=True, stdout=subprocess.DEVNULL)
        store = homes.open_store(home)
        for draft in SAVED:
            save(store, draft)
        store.close()
    with running(None, home) as address:
        if own:
            page = browser.new_page()
            page.goto(f"{address}/design?s=14,14,14,28,28,28,48,48,48")
            page.locator(".st-key-start button").click(timeout=WAIT_MS)
            page.goto(f"{address}/jobs")
            page.locator("[class*='st-key-job-']").first.wait_for(timeout=WAIT_MS)
            page.close()
        yield address


def _take(browser: Browser, address: str, shot: Shot, runs: dict[str, str], out: Path) -> list[Path]:
    made = []
    sizes = {"": (WIDE[0], shot.tall)} | ({"-narrow": NARROW} if shot.narrow else {})
    for ending, (width, height) in sizes.items():
        for theme in THEMES if not ending else THEMES[:1]:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
            )
            page = context.new_page()
            query = urlencode({name: value.format(**runs) for name, value in shot.query}, safe=",")
            page.goto(f"{address}/{'' if shot.page == 'overview' else shot.page}?{query}")
            page.locator(shot.wait).first.wait_for(timeout=WAIT_MS)
            made.append(_save(page, out / f"{shot.name}{ending}-{theme}.webp"))
            if not ending:
                made += _tabs(page, shot.name, theme, out)
            context.close()
    return made


def _tabs(page: Page, name: str, theme: str, out: Path) -> Sequence[Path]:
    """Render each tab of the page but the first."""
    made = []
    for place in range(1, page.get_by_role("tab").count()):
        tab = page.get_by_role("tab").nth(place)
        tab.click()
        made.append(_save(page, out / f"{name}-{tab.inner_text().strip().lower().replace(' ', '-')}-{theme}.webp"))
    return made


def _save(page: Page, path: Path) -> Path:
    """Wait until the page no longer changes, then write it."""
    page.wait_for_function("document.fonts.status === 'loaded'")
    before, shown = b"", b""
    # The script starts shortly after the click; charts are drawn shortly after its end.
    for _ in range(20):  # a job's card always changes
        page.locator(BUSY).first.wait_for(state="detached", timeout=WAIT_MS)
        before, shown = shown, page.screenshot(animations="disabled", caret="hide")
        if before == shown and page.locator(BUSY).count() == 0:
            break
        page.wait_for_timeout(300)
    # Lossless: a small palette would turn coloured markers grey.
    Image.open(io.BytesIO(shown)).convert("RGB").save(path, lossless=True, method=6)
    return path


if __name__ == "__main__":
    main()
