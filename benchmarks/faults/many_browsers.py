"""Browsers move sliders while a run is fine-tuned: time from key to updated counts, and moves without response."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import BrowserContext, Page
from playwright.sync_api import Error as BrowserError

from benchmarks.browser import VIEWPORT
from benchmarks.faults.campaign import Event, Outcome, Setting, judge
from benchmarks.faults.session import PAGE_MS, Session, opened
from benchmarks.faults.work import RUN, SCHEDULE, begin, finish
from benchmarks.slider import MEASURE
from roboreg_core.ui import keys

BROWSERS, QUICK_BROWSERS = 20, 3
MOVES, QUICK_MOVES = 10, 3
SETTLE_MS = 500
MS = "ms"


def events(setting: Setting) -> Iterator[Event]:
    """Move the sliders of all browsers at once, several times; one event per move and one for the run."""
    pages: list[Page] = []
    with opened(setting, "many-browsers") as session:

        def open_all() -> None:
            count = QUICK_BROWSERS if setting.quick else BROWSERS
            pages.extend(_opened(session, session.browser.new_context(viewport=VIEWPORT)) for _ in range(count))
            begin(session, RUN)

        outcome, reason = judge(open_all)
        if outcome is not Outcome.SURVIVED:
            yield Event(what="start of the browsers and the run", outcome=outcome, reason=reason)
            return
        for move in setting.rounds(MOVES, QUICK_MOVES):
            yield from _move(pages, "ArrowRight" if move % 2 == 0 else "ArrowLeft")
        for page in pages:
            page.context.close()
        outcome, reason = judge(lambda: finish(session, RUN, setting.references()[RUN.name]))
        yield Event(what="run beside the browsers", outcome=outcome, reason=reason)


def _opened(session: Session, context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(PAGE_MS)
    page.goto(f"{session.server.address}/design?s={SCHEDULE}")
    page.locator(f".st-key-{keys.START} button").wait_for()
    page.locator(".st-key-slider-5 input[type=range]:visible").focus()
    return page


def _move(pages: list[Page], key: str) -> Iterator[Event]:
    """Press a key in all pages at once, then read the times."""
    for page in pages:
        page.evaluate(f"key => {{ window.took = ({MEASURE})(key); window.took.catch(() => {{}}) }}", key)
    for page in pages:
        page.keyboard.press(key)
    for page in pages:
        try:
            took = float(page.evaluate("() => window.took"))
        except BrowserError as error:
            yield Event(what="move of a slider", outcome=Outcome.LOST, reason=str(error).splitlines()[0])
        else:
            yield Event(what="move of a slider", outcome=Outcome.SURVIVED, figures={MS: round(took, 1)})
    pages[0].wait_for_timeout(SETTLE_MS)
