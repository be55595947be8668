"""Files of runs that take seconds to make: each is made once, when it is asked for, and then offered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from roboreg_core.report.html_report import report_html
from roboreg_core.runs.results import onnx_for
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, panels, shared_state


@dataclass(frozen=True, kw_only=True)
class _GeneratedFile:
    content: bytes
    note: str


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of file: its words, how it is made of runs (ids) against a baseline, and how the browser takes it."""

    name: str
    label: str
    meaning: str
    make: Callable[[tuple[str, ...], str | None], _GeneratedFile]
    suffix: str
    mime: str


def of_run(record: Record, baseline: Record | None) -> None:
    """The network as ONNX and the report against `baseline` (the dense network for None), each behind a button."""
    for kind in (ONNX, REPORT):
        _one([record], baseline, kind)


def of_comparison(records: Sequence[Record], baseline: Record | None) -> None:
    """The report of these runs side by side, behind a button."""
    _one(records, baseline, REPORT)


def _one(records: Sequence[Record], baseline: Record | None, kind: _Kind) -> None:
    runs, against = tuple(record.id for record in records), baseline.id if baseline is not None else None
    asked = f"asked-{kind.name}-{runs}-{against}"
    if st.session_state.get(asked):
        _offer(runs, against, kind)
        return
    st.button(
        f"Make {kind.label}",
        key=keys.make_file(kind.name),
        icon=":material/build:",
        on_click=st.session_state.__setitem__,
        args=(asked, True),
        help=kind.meaning,
    )


def _offer(runs: tuple[str, ...], against: str | None, kind: _Kind) -> None:
    with panels.errors_shown(), st.spinner(f"Making {kind.label}: some seconds"):
        made = kind.make(runs, against)
        st.download_button(
            f"{kind.label[:1].upper()}{kind.label[1:]}",
            made.content,
            f"roboreg-{runs[0] if len(runs) == 1 else 'comparison'}{kind.suffix}",
            kind.mime,
            key=keys.download_made(kind.name),
            icon=":material/download:",
            on_click="ignore",
        )
        st.caption(panels.escape(made.note))


@st.cache_data(show_spinner=False, max_entries=16)
def _onnx(runs: tuple[str, ...], against: str | None) -> _GeneratedFile:
    del against  # a network is what it is
    export = onnx_for(shared_state.find_run(runs[0]), shared_state.store())
    note = (
        f"onnxruntime's logits are within {export.difference:.1e} of this network's on {export.images:,} test images."
    )
    return _GeneratedFile(content=export.content, note=note)


@st.cache_data(show_spinner=False, max_entries=16)
def _report(runs: tuple[str, ...], against: str | None) -> _GeneratedFile:
    records = [shared_state.find_run(run) for run in runs]
    baseline = shared_state.find_run(against) if against is not None else None
    return _GeneratedFile(
        content=report_html(records, shared_state.store(), baseline).encode(),
        note="One file with charts, tables, checksums and commands; it loads nothing and runs nothing.",
    )


ONNX = _Kind(
    name="onnx",
    label="ONNX file",
    meaning="The network for other programs: raw images in, logits out. It is compared with onnxruntime first.",
    make=_onnx,
    suffix=".onnx",
    mime="application/octet-stream",
)
REPORT = _Kind(
    name="report",
    label="report (HTML)",
    meaning="All that is shown here in one file, to read offline or to print.",
    make=_report,
    suffix=".html",
    mime="text/html",
)
