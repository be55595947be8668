"""The page of saved schedules: filter, order, each with its figures and what can be done with it, the deleted ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.schedules import saved_schedules, schedule_file
from roboreg_core.schedules.notes_and_tags import split_tags
from roboreg_core.schedules.saved_schedules import SavedSchedule, ScheduleDraft
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, navigation, panels, schedule_html, shared_state, url_settings
from roboreg_core.ui.deleted_items import Bin, Entry
from roboreg_core.ui.url_settings import UrlSetting, one_of
from roboreg_core.wording import fmt, run_facts

ORDERS: dict[str, tuple[str, Callable[[SavedSchedule], Any], bool]] = {
    "newest": ("Newest first", lambda each: each.created, True),
    "name": ("By name", lambda each: each.name.casefold(), False),
    "smallest": ("Smallest first", lambda each: cost(each.schedule).parameters, False),
}
SHOWN = 25
_TOLD, _MANY = "saved-told", "saved-shown"


def everything() -> None:
    """The whole page under its heading."""
    saved = shared_state.saved()
    panels.kept_error(_TOLD)
    BIN.undo_bar()
    told = st.session_state.pop(_TOLD, None)
    if told:
        st.success(panels.escape(told), icon=":material/check:")
    if saved:
        st.markdown(panels.escape(finding(saved)))
    else:
        st.info("Nothing is saved yet. On the Design page, set nine counts and press Save; or import a file here.")
        st.page_link("pages/design.py", label="Design a schedule", icon=":material/tune:")
    _list(_toolbar(saved))
    BIN.listed()


def finding(saved: Sequence[SavedSchedule]) -> str:
    """What is there, in a sentence."""
    smallest = min(saved, key=lambda each: cost(each.schedule).parameters)
    share = cost(smallest.schedule).parameters / DENSE_COST.parameters
    many = fmt.plural(len(saved), "schedule")
    name = schedule_html.isolated(smallest.name)
    return f"{many} saved; the smallest, {name}, keeps {fmt.percent(share)} of the parameters."


def _toolbar(saved: Sequence[SavedSchedule]) -> list[SavedSchedule]:
    """Filter, order, import and export of all; returns what is to be shown."""
    tags = sorted({tag for each in saved for tag in each.tags})
    settings = [
        UrlSetting(key=keys.TAG, default=None, read=one_of(*tags)),
        UrlSetting(key=keys.ORDER, default="newest", read=one_of(*ORDERS)),
    ]
    url_settings.restore(settings)
    if st.session_state[keys.TAG] not in tags:
        st.session_state[keys.TAG] = None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if saved:
            st.selectbox(
                "Order", list(ORDERS), format_func=lambda order: ORDERS[order][0], key=keys.ORDER, width=180,
                persist_state="session",
            )  # fmt: skip
            if tags:
                st.pills("Tag", tags, key=keys.TAG, format_func=panels.escape, persist_state="session")
        _import()
        if saved:
            _download("Export all", list(saved), keys.EXPORT_ALL)
    url_settings.follow(settings)
    _, by, downwards = ORDERS[st.session_state[keys.ORDER]]
    tag = st.session_state[keys.TAG]
    found = [each for each in saved if tag is None or tag in each.tags]
    # Times are whole seconds: of two in the same second the one saved later is the newer.
    return sorted(reversed(found) if downwards else found, key=by, reverse=downwards)


def _list(shown: Sequence[SavedSchedule]) -> None:
    best = _best_runs(shared_state.runs())
    many = st.session_state.get(_MANY, SHOWN)
    for saved in shown[:many]:
        with st.container(border=True, key=keys.of("saved", saved.id)):
            left, right = st.columns([3, 1.2], vertical_alignment="center")
            left.html(_facts(saved))
            with right:
                _actions(saved, best.get(str(saved.schedule), ()))
    if len(shown) > many:
        more = {_MANY: many + SHOWN}
        st.button(f"Show more of {len(shown)}", key="saved-more", on_click=st.session_state.update, args=(more,))
    if any(str(saved.schedule) in best for saved in shown):
        st.caption(
            "Accuracy: the most accurate run with that schedule, last stage, 10,000 test images, one seed a run."
        )


def _facts(saved: SavedSchedule) -> str:
    """Name, note, tags, counts and cost as HTML."""
    counted = cost(saved.schedule)
    note = "<br>".join(schedule_html.text(line) for line in saved.note.splitlines())
    tags = "".join(map(schedule_html.chip, saved.tags))
    figures = (
        f"{counted.parameters:,} parameters ({fmt.percent(counted.parameters / DENSE_COST.parameters)}) · "
        f"{fmt.millions(counted.macs)} MACs · saved {fmt.moment(saved.created)} UTC"
    )
    lines = [
        f'<strong style="margin-right:.6em">{schedule_html.text(saved.name)}</strong>{tags}',
        f'<span style="opacity:.85">{note}</span>' if note else "",
        f'<div style="overflow-x:auto">{schedule_html.strip(saved.schedule)}</div>',
        f'<span style="font-size:.875rem;opacity:.85">{figures}</span>',
    ]
    return "".join(f'<div style="margin-bottom:.3em">{line}</div>' for line in lines if line)


def _actions(saved: SavedSchedule, runs: Sequence[Record]) -> None:
    if runs:
        best = max(runs, key=run_facts.accuracy)
        of = f"{fmt.percent(run_facts.accuracy(best))}, best of {fmt.plural(len(runs), 'run')}"
        st.page_link("pages/inspect.py", label=of, icon=":material/query_stats:", query_params={"run": best.id})
    else:
        st.caption("Not run yet")
    with st.container(horizontal=True):
        if st.button("Open in Design", key=keys.of("design", saved.id), icon=":material/tune:"):
            navigation.go("design", {"s": str(saved.schedule)})
        more = st.popover("More", key=keys.of("more", saved.id), on_change="rerun")
        if more.open:  # drawn only where it is looked at: the list may be long
            with more:
                _more(saved)


def _more(saved: SavedSchedule) -> None:
    of = keys.of
    with st.container(horizontal=True):
        panels.action("Duplicate", of("duplicate", saved.id), "content_copy", lambda: _duplicate(saved), _TOLD)
        _download("Export", [saved], of("export", saved.id))
        panels.action("Delete", of("delete", saved.id), "delete", lambda: _delete(saved), _TOLD)
    with st.form(of("edit", saved.id), border=False):
        st.text_input("Name", saved.name, key=of("name", saved.id))
        st.text_area("Note", saved.note, key=of("note", saved.id), height=80)
        st.text_input("Tags", ", ".join(saved.tags), key=of("tags", saved.id), placeholder="joined by commas")
        st.form_submit_button("Rename or change", key=of("rename", saved.id), on_click=_edit, args=(saved,))


def _import() -> None:
    with st.popover("Import", icon=":material/upload:", key=keys.IMPORT_PANEL):
        st.file_uploader(
            "A file of saved schedules (JSON), as Export makes it", type="json", key=keys.IMPORT, on_change=_imported
        )
        st.caption("All of a file or, where an entry is bad, nothing. What is there already is passed over.")


def _download(label: str, saved: Sequence[SavedSchedule], key: str) -> None:
    drafts = [each.draft for each in saved]
    st.download_button(
        label,
        schedule_file.write(drafts),
        schedule_file.file_name(drafts),
        "application/json",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )


def _best_runs(runs: Sequence[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in runs:
        found.setdefault(str(run_facts.schedule_of(record)), []).append(record)
    return found


def _edit(saved: SavedSchedule) -> None:
    name, note, tags = (st.session_state[keys.of(field, saved.id)] for field in ("name", "note", "tags"))
    with panels.errors_kept(_TOLD):
        draft = ScheduleDraft(name=name, schedule=saved.schedule, note=note, tags=split_tags(tags))
        changed = saved_schedules.edit(shared_state.store(), saved.id, draft)
        _tell(f"Changed {schedule_html.isolated(changed.name)}.", saved)


def _duplicate(saved: SavedSchedule) -> None:
    _tell(f"Saved {schedule_html.isolated(saved_schedules.duplicate(shared_state.store(), saved).name)}.", saved)


def _delete(saved: SavedSchedule) -> None:
    BIN.note(saved_schedules.delete(shared_state.store(), saved.id).id)
    _close(saved)  # or it would be open when it comes back


def _restored(saved: str) -> None:
    _tell(f"{schedule_html.isolated(saved_schedules.restore(shared_state.store(), saved).name)} is back.")


def _deleted() -> list[Entry]:
    found = saved_schedules.saved_schedules(shared_state.store(), deleted=True)
    return [
        (each.id, f"{schedule_html.text(each.name)} · {each.schedule}", f"Deleted {schedule_html.isolated(each.name)}.")
        for each in found
    ]


def _imported() -> None:
    file = st.session_state[keys.IMPORT]
    if file is None:
        return
    with panels.errors_kept(_TOLD):
        drafts = schedule_file.read(file.getvalue())
        added = len(saved_schedules.add_all(shared_state.store(), drafts))
        present = f" Already there: {len(drafts) - added}." if added < len(drafts) else ""
        _tell(f"Imported {fmt.plural(added, 'schedule')}.{present}")


def _tell(text: str, closed: SavedSchedule | None = None) -> None:
    st.session_state[_TOLD] = text
    if closed is not None:
        _close(closed)


def _close(saved: SavedSchedule) -> None:
    st.session_state[keys.of("more", saved.id)] = False


BIN = Bin(title="Deleted", entries=_deleted, restore=_restored, errors=_TOLD)
