"""The overview: the best run in one sentence, all runs as a chart and as a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from roboreg_core.charts import facts, tradeoff, words
from roboreg_core.store.records import Record
from roboreg_core.ui import guard, inspector, keys, panels


def empty() -> None:
    """What to do where there is no run at all."""
    st.info(
        "There is no run yet. RoboReg merges similar filters of a trained ResNet-20, so that the network gets smaller, "
        "and measures what that costs on CIFAR-10."
    )
    st.markdown(
        "1. **Design**: choose how many filters each of the nine blocks keeps, and see at once what that saves.\n"
        "2. **Start**: one button prunes, fine-tunes and measures; it takes a few minutes on two processor cores.\n"
        "3. **Inspect**: accuracy, classes, confusion matrix, cost and files of the finished run."
    )
    st.page_link("pages/design.py", label="Design a schedule", icon=":material/tune:")


def best(runs: Sequence[Record]) -> None:
    """The best run: its finding, its tiles, the way to it."""
    record = facts.best_run(runs)
    if record is None:
        st.info("No pruned run yet, only dense ones. Lower a block on the Design page.")
        return
    with st.container(key=keys.BEST):
        st.markdown(f"### {panels.escape(facts.finding(record))}")
        st.caption(panels.escape(f"The best run so far is {facts.label(record)}: {facts.best_reason(record)}."))
        inspector.tiles(record)
        with st.container(horizontal=True):
            st.page_link(
                "pages/inspect.py",
                label="Inspect this run",
                icon=":material/query_stats:",
                query_params={"run": record.id},
            )
            st.page_link("pages/design.py", label="Design another", icon=":material/tune:")


def scatter(runs: Sequence[Record]) -> None:
    """The trade-off; a click on a point opens its run."""
    frame = tradeoff.tradeoff_data(runs)
    state = panels.show(
        panels.Panel(
            name=keys.TRADEOFF,
            title=tradeoff.tradeoff_title(frame),
            chart=tradeoff.tradeoff_chart,
            frame=frame,
            alt_text=tradeoff.tradeoff_alt(frame),
            table=frame.drop(columns="colour"),
            on_select="rerun",
            depends="Each colour is a run. Hollow: recorded, ships with the project; filled: your own. Dashed: the "
            "dense network; dotted: the front that no smaller network beats. 10,000 test images, one seed a run. "
            "Click a point to inspect its run.",
        )
    )
    chosen = (state or {}).get("selection", {}).get(tradeoff.SELECTION) or []
    if chosen and chosen[0].get("run"):
        _open(chosen[0]["run"])


def table(runs: Sequence[Record]) -> None:
    """All runs; choosing a row opens it."""
    st.subheader(f"All {words.plural(len(runs), 'run')}" if len(runs) > 1 else "One run")
    state = st.dataframe(
        pd.DataFrame(_row(record) for record in runs),
        key=keys.RUNS_TABLE,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height="content" if len(runs) < 12 else "auto",
        column_config={
            name: st.column_config.NumberColumn(format="percent")
            for name in ("dense", "pruned", "fine-tuned", "of dense")
        }
        | {name: st.column_config.NumberColumn(format="localized") for name in ("parameters", "MACs")},
        alt="All runs with their accuracy and cost",
    )
    st.caption("Accuracy on 10,000 test images. Tick a row to inspect the run.")
    rows = state["selection"]["rows"]
    if rows:
        _open(runs[rows[0]].id)


def _row(record: Record) -> dict[str, object]:
    measured = {stage: facts.accuracy(record, stage) for stage in facts.stages_of(record)}
    cost = record.result["cost"]
    return {
        "run": facts.label(record),
        "dense": measured["dense"],
        "pruned": measured["pruned"],
        "fine-tuned": measured.get("tuned"),
        "parameters": cost["parameters"],
        "of dense": cost["parameters"] / record.result["dense_cost"]["parameters"],
        "MACs": cost["macs"],
        "origin": "recorded" if record.recorded else "own",
        "made (UTC)": words.moment(record.created),
    }


def _open(run: str) -> None:
    guard.go("inspect", {"run": run})
