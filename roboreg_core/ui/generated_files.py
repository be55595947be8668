"""Files of runs that take seconds to create: created on request, once, and then offered for download."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from roboreg_core.report.html_report import report_html
from roboreg_core.runs.results import onnx_for
from roboreg_core.store.records import Record
from roboreg_core.ui import keys, panels, shared_state


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of file; `make(runs, baseline)` takes ids (None: dense network), returns content and a note."""

    name: str
    label: str
    help: str
    make: Callable[[tuple[str, ...], str | None], tuple[bytes | str, str]]
    suffix: str


def of_run(record: Record, baseline: Record | None) -> None:
    """Draw buttons that create a run's ONNX file and its report against `baseline` (None: the dense network)."""
    for kind in (ONNX, REPORT):
        _one([record], baseline, kind)


def of_comparison(records: Sequence[Record], baseline: Record | None) -> None:
    """Draw the button that creates a report comparing these runs with `baseline` (None: their dense networks)."""
    _one(records, baseline, REPORT)


def _one(records: Sequence[Record], baseline: Record | None, kind: _Kind) -> None:
    runs, against = tuple(record.id for record in records), baseline.id if baseline is not None else None
    requested = f"requested-{kind.name}-{runs}-{against}"
    if st.session_state.get(requested):
        _offer(runs, against, kind)
        return
    st.button(
        f"Create {kind.label}",
        key=keys.of("make", kind.name),
        icon=":material/build:",
        on_click=st.session_state.__setitem__,
        args=(requested, True),
        help=kind.help,
    )


def _offer(runs: tuple[str, ...], against: str | None, kind: _Kind) -> None:
    with panels.errors_shown(), st.spinner(f"Creating {kind.label}: a few seconds"):
        content, note = kind.make(runs, against)
        panels.download(
            f"{kind.label[:1].upper()}{kind.label[1:]}",
            content,
            f"roboreg-{runs[0] if len(runs) == 1 else 'comparison'}{kind.suffix}",
            keys.of("download-made", kind.name),
        )
        st.caption(panels.escape(note))


@st.cache_data(show_spinner=False, max_entries=16)
def _onnx(runs: tuple[str, ...], against: str | None) -> tuple[bytes | str, str]:
    del against  # the network does not depend on it
    export = onnx_for(shared_state.find_run(runs[0]), shared_state.store())
    note = (
        f"Logits of onnxruntime differ from this network's by at most {export.difference:.1e} on {export.images:,} "
        "test images."
    )
    return export.content, note


@st.cache_data(show_spinner=False, max_entries=16)
def _report(runs: tuple[str, ...], against: str | None) -> tuple[bytes | str, str]:
    records = [shared_state.find_run(run) for run in runs]
    baseline = shared_state.find_run(against) if against is not None else None
    note = "One file with charts, tables, checksums and commands. It loads nothing and contains no scripts."
    return report_html(records, shared_state.store(), baseline), note


ONNX = _Kind(
    name="onnx",
    label="ONNX file",
    help="The network for other programs: raw images in, logits out. Checked against onnxruntime first.",
    make=_onnx,
    suffix=".onnx",
)
REPORT = _Kind(
    name="report",
    label="report (HTML)",
    help="Everything on this page in one file, to read offline or to print.",
    make=_report,
    suffix=".html",
)
