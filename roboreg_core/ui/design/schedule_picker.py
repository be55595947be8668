"""Saved schedules on the Design page: load one, save the current one."""

from collections.abc import Callable

import streamlit as st

from roboreg_core.schedules import saved_schedules
from roboreg_core.schedules.notes_and_tags import split_tags
from roboreg_core.schedules.saved_schedules import ScheduleDraft
from roboreg_core.schedules.schedule import Schedule
from roboreg_core.ui import access, keys, navigation, panels, schedule_download, schedule_html, shared_state
from roboreg_core.ui.design import editing_session

_SAVED = "saved-as"


def picker(take: Callable[[Schedule], None]) -> None:
    """Draw a select box of the saved schedules for the current architecture, if any; it calls `take(schedule)`."""
    architecture = editing_session.schedule().architecture
    by_id = {each.id: each for each in shared_state.saved() if each.schedule.architecture == architecture}
    if not by_id:
        return

    def chosen() -> None:
        saved = by_id.get(st.session_state[keys.LOAD_SAVED])
        st.session_state[keys.LOAD_SAVED] = None  # the sliders may differ from it at any time
        if saved is not None:
            st.toast(panels.escape(f"Loaded {schedule_html.isolated(saved.name)}"), icon=":material/bookmark:")
            take(saved.schedule)

    st.selectbox(
        "Load a saved schedule",
        list(by_id),
        index=None,
        format_func=lambda each: by_id[each].name,
        key=keys.LOAD_SAVED,
        placeholder="Load a saved schedule",
        label_visibility="collapsed",
        width=230,
        on_change=chosen,
    )


def save(schedule: Callable[[], Schedule]) -> None:
    """Draw a popover with the form that saves a schedule under a name; `schedule()` is called when it is submitted."""
    with st.popover("Save", icon=":material/bookmark_add:", key=keys.SAVE_PANEL):
        with st.form(keys.SAVE_FORM, border=False):
            st.text_input("Name", key=keys.SAVE_NAME, placeholder="e.g. half, for the meeting")
            st.text_area("Note", key=keys.SAVE_NOTE, height=80)
            st.text_input("Tags", key=keys.SAVE_TAGS, placeholder="comma-separated")
            st.checkbox("Replace a saved schedule with this name", key=keys.SAVE_OVER)
            st.form_submit_button(
                "Save this schedule",
                key=keys.SAVE,
                type="primary",
                on_click=_save,
                args=(schedule,),
                disabled=not access.may_write(),
            )
        panels.kept_messages(_SAVED)
        schedule_download.offer_unsaved()
        navigation.button("All saved schedules", keys.ALL_SAVED, "schedules", type="tertiary")


def _save(schedule: Callable[[], Schedule]) -> None:
    fields = st.session_state
    with panels.errors_kept(_SAVED):
        draft = ScheduleDraft(
            name=fields[keys.SAVE_NAME],
            schedule=schedule(),
            note=fields[keys.SAVE_NOTE],
            tags=split_tags(fields[keys.SAVE_TAGS]),
        )
        with schedule_download.saving(draft):
            store = shared_state.store()
            if fields[keys.SAVE_OVER] and any(saved_schedules.same_name(each, draft) for each in shared_state.saved()):
                saved = saved_schedules.edit(store, saved_schedules.find(store, draft.name).id, draft)
            else:
                saved = saved_schedules.save(store, draft)
        panels.keep_success(_SAVED, f"Saved {schedule_html.isolated(saved.name)}: {saved.schedule.label}")
        for key in (keys.SAVE_NAME, keys.SAVE_NOTE, keys.SAVE_TAGS):
            fields[key] = ""
        fields[keys.SAVE_OVER] = False
