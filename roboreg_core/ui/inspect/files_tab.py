"""Files: everything of a run that can be taken away, and the commands that make it again."""

from __future__ import annotations

import streamlit as st

from roboreg_core.runs.predicted_classes import predictions_csv
from roboreg_core.runs.results import card_for
from roboreg_core.runs.summary import Summary
from roboreg_core.store.records import Record
from roboreg_core.ui import generated_files, panels, shared_state
from roboreg_core.ui.inspect import change_tables
from roboreg_core.wording import baseline_changes, run_facts


def show(summary: Summary) -> None:
    """The tab."""
    record = summary.record
    store, stem = shared_state.store(), f"roboreg-{record.id}"
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**To keep**")
        names = record.result["artifacts"]
        change_tables.download(
            "Weights (.safetensors)",
            lambda: store.artifacts.get(names["weights"]),
            f"{stem}.safetensors",
            "download-weights",
            "application/octet-stream",
        )
        change_tables.download(
            "Card of the weights (JSON)", lambda: _card(record), f"{stem}.json", "download-card", "application/json"
        )
        change_tables.download(
            "Schedule (JSON)",
            panels.as_json({"schedule": record.result["schedule"]}),
            f"{stem}-schedule.json",
            "download-run-schedule",
            "application/json",
        )
        change_tables.download(
            "Predictions on all test images (CSV)",
            lambda: predictions_csv(record, store),
            f"{stem}-predictions.csv",
            "download-predictions",
        )
        change_tables.download(
            "The whole record (JSON)",
            panels.as_json({"id": record.id, "spec": record.spec, "result": record.result}),
            f"{stem}-record.json",
            "download-record",
            "application/json",
        )
        generated_files.of_run(record, None if baseline_changes.is_dense(summary) else summary.baseline.record)
    with right:
        st.markdown("**To repeat this run**")
        st.code(record.result["command"], language="bash", wrap_lines=True)
        st.markdown("**To measure the downloaded weights again**")
        st.code(f"python -m roboreg_core evaluate {stem}.safetensors", language="bash", wrap_lines=True)
        st.markdown("**To print the figures of this page**")
        against = "" if baseline_changes.is_dense(summary) else f" --baseline {summary.baseline.name}"
        st.code(f"python -m roboreg_core runs show {record.id}{against} --json", language="bash", wrap_lines=True)
        st.page_link(
            "pages/design.py",
            label="Open this schedule in Design",
            icon=":material/tune:",
            query_params={"s": str(run_facts.schedule_of(record))},
        )


def _card(record: Record) -> str:
    return panels.as_json(card_for(record, shared_state.store().artifacts.get(record.result["artifacts"]["weights"])))
