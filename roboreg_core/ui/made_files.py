"""Files of a run that take seconds to make: each is made once, when it is asked for, and then offered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from roboreg_core.report.make import report_html
from roboreg_core.runs.results import onnx_for
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, panels, state


@dataclass(frozen=True, kw_only=True)
class _Made:
    content: bytes
    note: str


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of file: its words, how it is made of the run with an id, and how the browser is to take it."""

    name: str
    label: str
    meaning: str
    make: Callable[[str], _Made]
    suffix: str
    mime: str


def show(record: Record) -> None:
    """The network as ONNX and the report, each behind a button until it is made."""
    for kind in KINDS:
        asked = f"asked-{kind.name}-{record.id}"
        if st.session_state.get(asked):
            _offer(record, kind)
        else:
            st.button(
                f"Make {kind.label}",
                key=keys.make_file(kind.name),
                icon=":material/build:",
                on_click=st.session_state.__setitem__,
                args=(asked, True),
                help=kind.meaning,
            )


def _offer(record: Record, kind: _Kind) -> None:
    with panels.errors_shown(), st.spinner(f"Making {kind.label}: some seconds"):
        made = kind.make(record.id)
        st.download_button(
            f"{kind.label[:1].upper()}{kind.label[1:]}",
            made.content,
            f"roboreg-{record.id}{kind.suffix}",
            kind.mime,
            key=keys.download_made(kind.name),
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption(panels.escape(made.note))


@st.cache_data(show_spinner=False, max_entries=16)
def _onnx(run: str) -> _Made:
    export = onnx_for(state.find_run(run), state.store())
    note = (
        f"onnxruntime's logits are within {export.difference:.1e} of this network's on {export.images:,} test images."
    )
    return _Made(content=export.content, note=note)


@st.cache_data(show_spinner=False, max_entries=16)
def _report(run: str) -> _Made:
    return _Made(
        content=report_html([state.find_run(run)], state.store()).encode(),
        note="One file with charts, tables, checksums and commands; it loads nothing and runs nothing.",
    )


KINDS = (
    _Kind(
        name="onnx",
        label="ONNX file",
        meaning="The network for other programs: raw images in, logits out. It is compared with onnxruntime first.",
        make=_onnx,
        suffix=".onnx",
        mime="application/octet-stream",
    ),
    _Kind(
        name="report",
        label="report (HTML)",
        meaning="All that is known of this run in one file, to read offline or to print.",
        make=_report,
        suffix=".html",
        mime="text/html",
    ),
)
