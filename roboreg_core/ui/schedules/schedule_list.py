"""Content of the Schedules page: filter, order, a card per saved schedule, and the deleted ones."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from roboreg_core.architecture import RESNET20
from roboreg_core.models.costs import cost
from roboreg_core.schedules import saved_schedules, schedule_file
from roboreg_core.schedules.notes_and_tags import split_tags
from roboreg_core.schedules.saved_schedules import SavedSchedule, ScheduleDraft
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.store.records import Record
from roboreg_core.ui import (
    access,
    dense_choice,
    keys,
    navigation,
    panels,
    schedule_download,
    schedule_html,
    shared_state,
    url_settings,
)
from roboreg_core.ui.deleted_items import DeletedItems, Entry, deleted_by
from roboreg_core.ui.url_settings import UrlSetting, one_of
from roboreg_core.wording import fmt, run_facts

ORDERS: dict[str, tuple[str, Callable[[SavedSchedule], Any], bool]] = {
    "newest": ("Newest first", lambda each: each.created, True),
    "name": ("By name", lambda each: each.name.casefold(), False),
    "smallest": ("Smallest first", lambda each: cost(each.schedule).parameters, False),
}
SHOWN = 25
_MESSAGES = "saved-messages"
_SHOWN = "saved-shown"


def everything() -> None:
    """Draw the Schedules page below its heading."""
    saved = shared_state.saved()
    st.session_state[_SHOWN] = {each.id: each.draft for each in saved}
    DELETED.undo_bar()
    schedule_download.offer_unsaved()
    if saved:
        st.markdown(panels.escape(finding(saved)))
    else:
        st.info("No saved schedules yet. Save one on the Design page, or import a file here.")
        navigation.link("design", "Design a schedule")
    _list(_toolbar(saved))
    DELETED.show_list()


def offer() -> None:
    """If the store fails: draw a button that downloads the schedules shown last and an edit that was not saved."""
    st.session_state[_SHOWN] = st.session_state.get(_SHOWN, {}) | schedule_download.unsaved()
    drafts = list(st.session_state[_SHOWN].values())
    if drafts:
        schedule_download.button("Download these schedules (JSON)", drafts, keys.DOWNLOAD_UNSAVED)


def finding(saved: Sequence[SavedSchedule]) -> str:
    """Sentence with the number of saved schedules (at least one) and the share of parameters kept by the smallest."""
    smallest = min(saved, key=_share)
    share = _share(smallest)
    name = schedule_html.isolated(smallest.name)
    many = fmt.plural(len(saved), "saved schedule")
    return f"{many}; the smallest, {name}, keeps {fmt.percent(share)} of the parameters."


def _share(saved: SavedSchedule) -> float:
    """Share of the dense network's parameters."""
    return cost(saved.schedule).parameters / cost(saved.schedule.dense).parameters


def _toolbar(saved: Sequence[SavedSchedule]) -> list[SavedSchedule]:
    """Order, filter, import and export; returns the schedules to show."""
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
            schedule_download.button("Export all", [each.draft for each in saved], keys.EXPORT_ALL)
    url_settings.follow(settings)
    _, by, descending = ORDERS[st.session_state[keys.ORDER]]
    tag = st.session_state[keys.TAG]
    found = [each for each in saved if tag is None or tag in each.tags]
    # Times are whole seconds: of two with the same time, the one saved later is the newer.
    return sorted(reversed(found) if descending else found, key=by, reverse=descending)


def _list(shown: Sequence[SavedSchedule]) -> None:
    runs = _runs_by_schedule(shared_state.runs())

    def card(saved: SavedSchedule) -> None:
        with st.container(border=True, key=keys.of("saved", saved.id)):
            left, right = st.columns([3, 1.2], vertical_alignment="center")
            left.html(_facts(saved))
            with right:
                _actions(saved, runs.get(saved.schedule, ()))

    panels.some_at_a_time(shown, card, SHOWN, "saved-more")
    if any(saved.schedule in runs for saved in shown):
        st.caption("Accuracy: final network of the best run of a schedule, all test images, one seed per run.")


def _facts(saved: SavedSchedule) -> str:
    """Name, tags, note, schedule and cost as HTML."""
    counted, architecture = cost(saved.schedule), saved.schedule.architecture
    network = "" if architecture == RESNET20 else f"{architecture.label} · "
    note = "<br>".join(schedule_html.text(line) for line in saved.note.splitlines())
    tags = "".join(map(schedule_html.chip, saved.tags))
    figures = (
        f"{network}{counted.parameters:,} parameters ({fmt.percent(_share(saved))}) · "
        f"{fmt.millions(counted.macs)} MACs · saved {fmt.date_time(saved.created)} UTC"
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
        label = f"{fmt.percent(run_facts.accuracy(best))}, best of {fmt.plural(len(runs), 'run')}"
        navigation.link("inspect", label, {"run": best.id})
    else:
        st.caption("No run yet")
    with st.container(horizontal=True):
        query, options = dense_choice.query_for(saved.schedule.architecture), {}
        if query is None:
            label = saved.schedule.architecture.label
            options = {"disabled": True, "help": f"Needs a dense network: train or upload a {label}."}
        address = {"s": str(saved.schedule), **(query or {})}
        navigation.button("Open in Design", keys.of("design", saved.id), "design", address, **options)
        more = st.popover("More", key=keys.of("more", saved.id), on_change="rerun")
        if more.open:  # drawn only when open: the list may be long
            with more:
                _more(saved)


def _more(saved: SavedSchedule) -> None:
    of = keys.of
    with st.container(horizontal=True):
        panels.action("Duplicate", of("duplicate", saved.id), "content_copy", lambda: _duplicate(saved), _MESSAGES)
        schedule_download.button("Export", [saved.draft], of("export", saved.id))
        panels.action("Delete", of("delete", saved.id), "delete", lambda: _delete(saved), _MESSAGES)
    with st.form(of("edit", saved.id), border=False):
        st.text_input("Name", saved.name, key=of("name", saved.id))
        st.text_area("Note", saved.note, key=of("note", saved.id), height=80)
        st.text_input("Tags", ", ".join(saved.tags), key=of("tags", saved.id), placeholder="comma-separated")
        st.form_submit_button(
            "Save changes", key=of("rename", saved.id), on_click=_edit, args=(saved,), disabled=not access.may_write()
        )


def _import() -> None:
    with st.popover("Import", icon=":material/upload:", key=keys.IMPORT_PANEL):
        st.file_uploader(
            "File of saved schedules (JSON), as written by Export",
            type="json",
            key=keys.IMPORT,
            on_change=_imported,
            disabled=not access.may_write(),
        )
        st.caption("If any entry is invalid, nothing is imported. Existing schedules are skipped.")


def _runs_by_schedule(runs: Sequence[Record]) -> dict[Schedule, list[Record]]:
    found: dict[Schedule, list[Record]] = {}
    for record in runs:
        found.setdefault(run_facts.schedule_of(record), []).append(record)
    return found


def _edit(saved: SavedSchedule) -> None:
    name, note, tags = (st.session_state[keys.of(field, saved.id)] for field in ("name", "note", "tags"))
    with panels.errors_kept(_MESSAGES):
        draft = ScheduleDraft(name=name, schedule=saved.schedule, note=note, tags=split_tags(tags))
        with schedule_download.saving(draft, saved.id):
            _report("Changed", saved_schedules.edit(shared_state.store(), saved.id, draft))
        _close(saved)


def _duplicate(saved: SavedSchedule) -> None:
    _report("Saved", saved_schedules.duplicate(shared_state.store(), saved))
    _close(saved)


def _delete(saved: SavedSchedule) -> None:
    DELETED.remember(saved_schedules.delete(shared_state.store(), saved.id).id)
    _close(saved)  # else it would be open after a restoration


def _restore(saved: str) -> None:
    _report("Restored", saved_schedules.restore(shared_state.store(), saved))


def _deleted() -> list[Entry]:
    found = saved_schedules.saved_schedules(shared_state.store(), deleted=True)
    return [
        (
            each.id,
            f"{schedule_html.text(each.name)} · {each.schedule.listed}{deleted_by(each.deleted_by)}",
            f"Deleted {schedule_html.isolated(each.name)}.",
        )
        for each in found
    ]


def _imported() -> None:
    file = st.session_state[keys.IMPORT]
    if file is None:
        return
    with panels.errors_kept(_MESSAGES):
        drafts = schedule_file.read(file.getvalue())
        added = len(saved_schedules.save_new(shared_state.store(), drafts))
        skipped = f" Skipped {len(drafts) - added} existing." if added < len(drafts) else ""
        panels.keep_success(_MESSAGES, f"Imported {fmt.plural(added, 'schedule')}.{skipped}")


def _report(change: str, saved: SavedSchedule) -> None:
    panels.keep_success(_MESSAGES, f"{change} {schedule_html.isolated(saved.name)}.")


def _close(saved: SavedSchedule) -> None:
    st.session_state[keys.of("more", saved.id)] = False


DELETED = DeletedItems(title="Deleted schedules", entries=_deleted, restore=_restore, errors=_MESSAGES)
