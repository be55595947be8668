"""Panels shared by the pages: tiles, charts with their table, notices and errors."""

import json
import mimetypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar, overload

import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitAPIException

from roboreg_core.charts import base
from roboreg_core.errors import RoboRegError
from roboreg_core.ui import access, html_marks, navigation, presentation, shared_state
from roboreg_core.wording import fmt
from roboreg_core.wording.run_facts import JudgedChange

# Rows of a table above which it is sent only on request.
LARGE_TABLE = 1_000
# Of a verdict; any other verdict is grey.
VERDICT_COLOURS = {"gain": "blue", "loss": "orange"}
NOISE_HELP = (
    "Both networks classified the same images. Gain or loss: significant in the exact McNemar test (p < 0.05). "
    "Otherwise the change is not significant."
)
_DAMAGE_SHOWN = 5
Part = TypeVar("Part", bound=Callable[..., Any])

# Streamlit leaves six rem above the title, and lets columns that may not wrap grow out of a narrow screen.
_STYLE = """<style>
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 4rem; }
.st-key-schedule-rows [data-testid="stColumn"] { min-width: 0; }
.st-key-schedule-rows [data-testid="stColumn"]:first-child { min-width: 5.6rem; }
.st-key-schedule-rows [data-testid="stSliderTickBar"] { display: none; }
.one-fewer { font-size: .75rem; opacity: .75; white-space: nowrap; }
@media (max-width: 640px) { .st-key-tools-bar kbd, .one-fewer { display: none; } }
.st-key-preview-old { opacity: 0.45; }
.st-key-preview-note { min-height: 2.7rem; }
</style>"""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A chart with its title, table and caption.

    Attributes:
        name: unique on the page; part of the keys of its widgets.
        title: the finding, one sentence.
        chart: returns the Altair chart of `frame`; cached by frame, name and variant.
        frame: data of the chart.
        alt_text: text alternative of the chart.
        depends: caption below the chart: conditions of the figures and how to read the chart.
        table: data of the table and the CSV; `frame` if None.
        variant: text of anything else that changes the chart, e.g. the theme's colour.
        on_select: `rerun`, `ignore` or a callback for clicks, as for `st.vega_lite_chart`.
        key: key of the chart; `chart-<name>` if None.
    """

    name: str
    title: str
    chart: Callable[[pd.DataFrame], base.Drawing]
    frame: pd.DataFrame
    alt_text: str
    depends: str = ""
    table: pd.DataFrame | None = None
    variant: str = ""
    on_select: Literal["rerun", "ignore"] | Callable[[], None] = "ignore"
    key: str | None = None

    def show(self) -> Any:
        """Draw the panel; return the state of the chart, which contains the selection if `on_select` is `rerun`."""
        st.markdown(f"**{escape(self.title[:1].upper() + self.title[1:])}**")
        state = st.vega_lite_chart(
            spec=drawn(self.frame, self.name, self.chart, self.variant),
            width="stretch",
            key=self.key or f"chart-{self.name}",
            on_select=self.on_select,
            alt=self.alt_text,
        )
        if self.depends:
            st.caption(escape(self.depends))
        as_table(self.name, self.frame if self.table is None else self.table)
        return state


def tabs(drawings: dict[str, Callable[..., None]], key: str, *args: Any) -> None:
    """Draw a tab per entry of `drawings`; only the content of the open tab is drawn.

    Args:
        drawings: tab name -> function that draws the tab's content.
        key: widget key, and the query parameter that keeps the name of the open tab.
        args: arguments of the functions.
    """
    for tab, draw in zip(
        st.tabs(list(drawings), key=key, on_change="rerun", bind="query-params"), drawings.values(), strict=True
    ):
        if tab.open:
            with tab, errors_shown():
                draw(*args)


def some_first(items: Sequence[Any], draw: Callable[[Any], None], shown: int) -> None:
    """Draw the first `shown` items with `draw`, and the others in an expander."""
    for item in items[:shown]:
        draw(item)
    if len(items) > shown:
        with st.expander(f"{len(items) - shown} older"):
            for item in items[shown:]:
                draw(item)


def some_at_a_time(
    items: Sequence[Any], draw: Callable[[Any], None], step: int, key: str, total: int | None = None
) -> None:
    """Draw the first `step` items, and a button that shows `step` more with each press.

    Args:
        items: all items, or at least the first `shown_count(key, step)`.
        draw: draws an item.
        step: number of items to add.
        key: widget key of the button.
        total: number of all items; None if `items` has all.
    """
    shown, total = shown_count(key, step), len(items) if total is None else total
    for item in items[:shown]:
        draw(item)
    if total > shown:
        more = {f"shown-{key}": shown + step}
        st.button(f"Show more of {total:,}", key=key, on_click=st.session_state.update, args=(more,))


def shown_count(key: str, step: int) -> int:
    """Number of items that `some_at_a_time` draws now with this key and step."""
    return int(st.session_state.get(f"shown-{key}", step))


def as_table(name: str, frame: pd.DataFrame) -> None:
    """Draw an expander with the frame as a table and a button to download it as `<name>.csv`.

    A table of over `LARGE_TABLE` rows is sent to the browser only when the expander is opened.
    """
    named = not isinstance(frame.index, pd.RangeIndex)
    is_large = len(frame) > LARGE_TABLE
    expander = st.expander(
        "Show as table",
        icon=":material/table:",
        key=f"table-{name}" + ("-large" if is_large else ""),
        on_change="rerun" if is_large else "ignore",
    )
    with expander:
        if not is_large or expander.open:
            st.dataframe(frame, hide_index=not named, height="auto")
            download("Download CSV", lambda: frame.to_csv(index=named), f"{name}.csv", f"csv-{name}")


def download(label: str, data: Any, file: str, key: str) -> None:
    """Draw a button that downloads a file named `file`; `data` is its content or a function that returns it."""
    mime = mimetypes.guess_type(file)[0] or "application/octet-stream"
    st.download_button(label, data, file, mime, key=key, icon=":material/download:", on_click="ignore")


def tile(label: str, value: str, change: str, verdict: str, **options: Any) -> None:
    """Draw the figure `value` with its signed `change`: blue for the verdict `gain`, orange for `loss`, else grey.

    `options` are passed to `st.metric`.
    """
    st.metric(
        label,
        value,
        delta=change,
        delta_color=VERDICT_COLOURS.get(verdict, "gray"),  # type: ignore[arg-type]
        delta_arrow="off",
        border=True,
        **options,
    )


def accuracy_tile(label: str, change: JudgedChange, baseline: str = "dense", **options: Any) -> None:
    """Draw an accuracy or recall, 0..1, with its change against `baseline` (a name) in percentage points.

    `options` are passed to `tile`.
    """
    tile(
        label,
        fmt.percent(change.value),
        fmt.signed_points(change.difference),
        change.verdict,
        delta_description=f"{change.words}; {baseline} {fmt.percent(change.baseline)}",
        help=f"{NOISE_HELP} {margin_words(change)}",
        **options,
    )


def margin_words(change: JudgedChange) -> str:
    """Sentence with the 95 % margin of a change of accuracy or recall, in percentage points."""
    return f"95 % margin: ±{change.margin * 100:.1f} percentage points."


def cost_tile(
    label: str,
    change: JudgedChange,
    shown: Callable[[Any], str],
    note: str = "",
    baseline: str = "dense",
    less: str = "fewer",
) -> None:
    """Draw an exact cost with its change in percent.

    Args:
        label: title of the tile.
        change: the cost of the network and of the baseline.
        shown: formats the cost as text.
        note: explanation for the tooltip.
        baseline: name of the baseline.
        less: word for a saving in the tooltip: `fewer` for a count, `less` for an amount.
    """
    direction = less if change.difference < 0 else "more"
    absolute = f"{shown(abs(change.difference))} {direction} than {baseline}."
    tile(
        label,
        shown(change.value),
        fmt.signed_percent(change.relative),
        change.verdict,
        delta_description=f"{baseline} {shown(change.baseline)}",
        help=f"{absolute if change.difference else 'No difference.'} {note}".strip(),
    )


def heading(lead: str = "") -> None:
    """Draw the title of the open page and the text `lead`; on `presentation.PAGES` also the presentation switch."""
    st.html(_STYLE)
    page = navigation.page()
    title = navigation.PAGES[page][0]
    if page in presentation.PAGES:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.title(title, anchor=False)
            presentation.switch()
        presentation.style()
    else:
        st.title(title, anchor=False)
    if lead:
        st.markdown(lead)


@st.fragment(run_every=0.5)
def loading(what: str = "the dense network and the job engine", note: str = "") -> None:
    """Draw a notice that `what` is loading until the backend is loaded; then redraw the page."""
    if shared_state.backend().loaded.is_set():
        st.rerun()
    st.info(f"Loading {what}: a few seconds. {note}".strip(), icon="spinner")


@contextmanager
def errors_shown(offer: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Context manager: show a `RoboRegError` of the block as a message, then call `offer`.

    `offer` can draw a button to download edits that could not be saved.
    """
    try:
        yield
    except RoboRegError as error:
        show_error(error)
        offer()


@overload
def fragment(part: Part, *, offer: Callable[[], object] = ..., **options: Any) -> Part: ...
@overload
def fragment(part: None = None, *, offer: Callable[[], object] = ..., **options: Any) -> Callable[[Part], Part]: ...
def fragment(part: Any = None, *, offer: Callable[[], object] = lambda: None, **options: Any) -> Any:
    """Decorator like `st.fragment` that also shows errors, as `errors_shown(offer)` does.

    Streamlit does not pass errors of a fragment on to the page. `options` are passed to `st.fragment`.
    """
    if part is None:
        return partial(fragment, offer=offer, **options)
    return st.fragment(errors_shown(offer)(part), **options)


@contextmanager
def errors_kept(name: str) -> Iterator[None]:
    """Context manager for callbacks, which cannot draw: keeps a `RoboRegError` for `kept_messages(name)`."""
    try:
        yield
    except RoboRegError as error:
        st.session_state[f"kept-error-{name}"] = sentence(error)


def has_kept_error(name: str) -> bool:
    """True while an error of `errors_kept(name)` is not shown yet."""
    return f"kept-error-{name}" in st.session_state


def keep_success(name: str, message: str) -> None:
    """For callbacks: keep a message for `kept_messages(name)`."""
    st.session_state[f"kept-success-{name}"] = message


def kept_messages(name: str) -> None:
    """Show the error and the success message kept under `name`, once."""
    show_error(st.session_state.pop(f"kept-error-{name}", ""))
    success = st.session_state.pop(f"kept-success-{name}", "")
    if success:
        st.success(escape(success), icon=":material/check:")


def show_error(error: Exception | str) -> None:
    """Show an error as a sentence; nothing for an empty text."""
    if str(error):
        st.error(escape(sentence(error)), icon=":material/error:")


def damage(*, with_jobs: bool = False) -> None:
    """Draw a warning with the damaged records and saved items that the lists leave out; nothing if there are none.

    `with_jobs` includes damaged jobs.
    """
    found = shared_state.damage(with_jobs=with_jobs)
    if found:
        shown = [*found[:_DAMAGE_SHOWN], *([f"{len(found) - _DAMAGE_SHOWN} more"] if found[_DAMAGE_SHOWN:] else [])]
        lines = "\n".join(f"- {escape(each)}" for each in shown)
        count = f"{fmt.plural(len(found), 'damaged item')} {'is' if len(found) == 1 else 'are'}"
        st.warning(f"{count} left out of the lists:\n{lines}", icon=":material/warning:")


def action(
    label: str, key: str, icon: str, act: Callable[[], Any], errors: str, *, writes: bool = True, **options: Any
) -> bool:
    """Draw a button that calls `act`, and return True if it was pressed.

    A `RoboRegError` of `act` is kept for `kept_messages(errors)`. Unless `writes` is False, the button is disabled for
    visitors who may not write. `icon` is the name of a Material symbol; `options` are passed to `st.button`.
    """
    if writes and not access.may_write():
        options["disabled"] = True
    return st.button(label, key=key, icon=f":material/{icon}:", on_click=errors_kept(errors)(act), **options)


def card_heading(title: str, badge: tuple[str, str | None, str], note: str = "") -> None:
    """Draw the title of a card, a badge (text, icon, colour) and a note."""
    text, icon, colour = badge
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escape(title)}**", width="content")
        st.badge(text, icon=icon, color=colour)  # type: ignore[arg-type]
        if note:
            st.caption(note, width="content")


def redraw(*parts: str) -> None:
    """For callbacks: rerun only the fragments with these keys, or the whole page if one of them is not drawn.

    That happens if the visitor opens another page right after a change, or before a part was drawn for the first time.
    """
    with suppress(StreamlitAPIException):
        st.rerun(scope=list(parts))


def sentence(error: Exception | str) -> str:
    """An error's message as a sentence: a capital letter first, a full stop last."""
    text = str(error).strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def as_json(value: Any) -> str:
    """The value as indented JSON text, for a file."""
    return json.dumps(value, indent=1) + "\n"


def escape(text: str) -> str:
    """The text with Markdown characters escaped, for names and addresses given by users."""
    return "".join(f"\\{char}" if char in "\\`*_{}[]<>#|~$:" else char for char in text)


def ink() -> str:
    """Text colour of the visitor's theme."""
    return html_marks.theme().ink


def drawn(frame: pd.DataFrame, name: str, chart: Callable[[pd.DataFrame], Any], variant: str = "") -> dict[str, Any]:
    """Vega-Lite specification of `chart(frame)`, cached by `frame`, `name` and `variant`; enlarged while presenting."""
    spec = _spec(frame, name, variant, chart)
    # Streamlit gets the text alternative as `alt`: without this, screen readers would read it twice.
    spec = {key: value for key, value in spec.items() if key != "description"}
    return presentation.enlarged(spec) if presentation.is_on() else spec


@st.cache_data(show_spinner=False, max_entries=256)
def _spec(frame: pd.DataFrame, name: str, variant: str, _chart: Callable[[pd.DataFrame], Any]) -> dict[str, Any]:
    del name, variant  # only parts of the cache key
    return base.specification(_chart(frame))
