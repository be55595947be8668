"""Files tab: downloads of a run, and the commands that repeat it."""

import streamlit as st

from roboreg_core.runs.predicted_classes import predictions_csv
from roboreg_core.runs.results import card_for
from roboreg_core.runs.summary import Summary
from roboreg_core.ui import generated_files, navigation, panels, shared_state
from roboreg_core.wording import baseline_changes, run_facts


def show(summary: Summary) -> None:
    """Draw the tab Files: downloads of a run, and the commands that repeat and evaluate it."""
    record = summary.record
    store, stem = shared_state.store(), f"roboreg-{record.id}"
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Downloads**")
        names = record.result["artifacts"]
        panels.download(
            "Weights (.safetensors)",
            lambda: store.artifacts.get(names["weights"]),
            f"{stem}.safetensors",
            "download-weights",
        )
        panels.download(
            "Model card of the weights (JSON)",
            lambda: panels.as_json(card_for(record, store.artifacts.get(names["weights"]))),
            f"{stem}.json",
            "download-card",
        )
        panels.download(
            "Schedule (JSON)",
            panels.as_json({"schedule": record.result["schedule"]}),
            f"{stem}-schedule.json",
            "download-run-schedule",
        )
        panels.download(
            "Predictions on all test images (CSV)",
            lambda: predictions_csv(record, store),
            f"{stem}-predictions.csv",
            "download-predictions",
        )
        panels.download(
            "Complete record (JSON)",
            panels.as_json({"id": record.id, "spec": record.spec, "result": record.result}),
            f"{stem}-record.json",
            "download-record",
        )
        generated_files.of_run(record, None if baseline_changes.is_dense(summary) else summary.baseline.record)
    with right:
        st.markdown("**Repeat this run**")
        st.code(record.result["command"], language="bash", wrap_lines=True)
        st.markdown("**Evaluate the downloaded weights**")
        st.code(f"python -m roboreg_core evaluate {stem}.safetensors", language="bash", wrap_lines=True)
        st.markdown("**Print the figures of this page**")
        against = "" if baseline_changes.is_dense(summary) else f" --baseline {summary.baseline.name}"
        st.code(f"python -m roboreg_core runs show {record.id}{against} --json", language="bash", wrap_lines=True)
        navigation.link("design", "Open this schedule in Design", {"s": str(run_facts.schedule_of(record))})
