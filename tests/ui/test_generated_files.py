"""Files that are made on demand in Inspect's Files tab."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from roboreg_core.errors import CheckpointError
from roboreg_core.runs import results
from roboreg_core.store.records import Record
from roboreg_core.ui import generated_files

Open = Callable[..., AppTest]
Put = Callable[..., Record]
RUN = "a" * 16


@pytest.fixture(autouse=True)
def nothing_made() -> None:
    st.cache_data.clear()


@pytest.mark.parametrize("kind", ["onnx", "report"])
def test_a_file_is_made_when_asked_for_and_once(
    open_page: Open, put: Put, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made: list[str] = []
    whole = {"onnx": results.onnx_for, "report": generated_files.report_html}[kind]

    def counted(*arguments: object) -> object:
        made.append(kind)
        return whole(*arguments)  # type: ignore[operator]

    monkeypatch.setattr(generated_files, {"onnx": "onnx_for", "report": "report_html"}[kind], counted)
    put(identity=RUN)
    app = open_page("inspect", run=RUN, tab="Files")
    assert not made
    app.button(key=f"make-{kind}").click().run()
    assert not app.exception
    assert not app.error
    app.run()
    assert made == [kind]
    assert any(each.key == f"download-made-{kind}" for each in app.get("download_button"))
    assert not any(each.key == f"make-{kind}" for each in app.button)


def test_an_onnx_file_that_fails_its_check_is_not_offered(
    open_page: Open, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: object) -> None:
        raise CheckpointError("an ONNX file's logits must be within 0.0001 of the network's, got 0.5")

    monkeypatch.setattr(generated_files, "onnx_for", failing)
    put(identity=RUN)
    app = open_page("inspect", run=RUN, tab="Files")
    app.button(key="make-onnx").click().run()
    assert ["must be within 0.0001" in error.value for error in app.error] == [True]
    assert not any(each.key == "download-made-onnx" for each in app.get("download_button"))


def test_a_comparison_has_a_report_against_the_baseline_of_the_page(
    open_page: Open, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[str], str | None]] = []

    def reported(records: list[Record], _: object, baseline: Record | None) -> str:
        asked.append(([record.id for record in records], baseline.id if baseline else None))
        return "<!doctype html>"

    monkeypatch.setattr(generated_files, "report_html", reported)
    for identity in (RUN, "b" * 16):
        put(identity=identity)
    app = open_page("compare", runs=f"{RUN},{'b' * 16}", baseline=RUN)
    app.button(key="make-report").click().run()
    assert not app.exception
    assert [button.proto.label for button in app.get("download_button") if button.proto.label.startswith("Report")]
    assert asked == [([RUN, "b" * 16], RUN)]
