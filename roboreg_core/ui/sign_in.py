"""Line above each page for signing in and out; nothing for a local user without a login."""

from collections.abc import Mapping

import streamlit as st
from streamlit.errors import StreamlitAuthError

from roboreg_core.errors import AccessError
from roboreg_core.store.records import LONGEST_NAME
from roboreg_core.ui import access, keys, panels

_ERRORS = "sign-in"


def line() -> None:
    """Draw the visitor's name or the fields to sign in; a warning if everyone who can reach the server may write."""
    access.note_visit()
    if access.is_open():
        st.caption(f":material/warning: {panels.escape(access.OPEN)}")
    if not access.needs_login():
        return
    with st.container(key=keys.ACCESS):  # one element, so that messages do not move the elements of the page
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            _state(access.person())
        panels.kept_messages(_ERRORS)


def _state(name: str | None) -> None:
    if name is None:
        st.caption("You may look at everything. Sign in to start, change or delete.", width="content")
        _password() if access.uses_password() else _providers()
    else:
        st.caption(panels.escape(f"Signed in as {name}"), width="content")
        leave = access.leave if access.uses_password() else st.logout
        st.button("Sign out", key=keys.SIGN_OUT, type="tertiary", on_click=leave)


def _providers() -> None:
    """A button per provider; secrets with one provider have no section for it."""
    section = access.auth_section() or {}
    named: list[str | None] = [name for name, value in section.items() if isinstance(value, Mapping)]
    for name in named or [None]:
        label = f"Sign in with {name}" if name else "Sign in"
        st.button(panels.escape(label), key=keys.of(keys.SIGN_IN, name or "oidc"), on_click=_login, args=(name,))


def _login(provider: str | None) -> None:
    with panels.errors_kept(_ERRORS):
        try:
            st.login(provider)
        except (StreamlitAuthError, OSError, ValueError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            raise AccessError(f"signing in failed ({reason}): tell the person who runs this server") from error


def _password() -> None:
    with st.popover("Sign in", key=keys.SIGN_IN_PANEL), st.form(keys.SIGN_IN_FORM, border=False):
        st.text_input(
            "Your name", key=keys.SIGN_IN_NAME, max_chars=LONGEST_NAME, help="Shown beside jobs that you start."
        )
        st.text_input("Password", key=keys.SIGN_IN_PASSWORD, type="password")
        st.form_submit_button("Sign in", key=keys.SIGN_IN, type="primary", on_click=_enter)


def _enter() -> None:
    password = st.session_state[keys.SIGN_IN_PASSWORD]
    st.session_state[keys.SIGN_IN_PASSWORD] = ""
    with panels.errors_kept(_ERRORS):
        access.enter_password(st.session_state[keys.SIGN_IN_NAME], password)
