"""Search: limits typed, an answer at once from what is measured, and a job that makes it better by measuring."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from roboreg_core.charts import search_results
from roboreg_core.datasets.images import CLASSES
from roboreg_core.models.costs import DENSE_COST, cost
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.prediction.sensitivity import plan
from roboreg_core.search.best_schedules import Candidate
from roboreg_core.search.limits import Limits
from roboreg_core.sweeps.points import Point
from roboreg_core.ui import panels, shared_state
from roboreg_core.ui.explore import (
    cache,
    limit_fields,
    measure_missing,
    prune_settings,
    schedule_card,
    search_refinement,
)
from roboreg_core.wording import fmt

# Uniform schedules are drawn from so much to so much of the answers' MACs.
NEAR = (0.7, 1.3)


def show() -> None:
    """The tab."""
    finding = st.container()
    with st.container(border=True):
        limit_fields.show()
    asked = prune_settings.pick()
    if asked is None:
        return
    forecast = cache.forecast_of(asked)
    if forecast.curves is None or forecast.curves.unmeasured:
        finding.info("A search needs the sensitivity of all nine blocks, which is not measured by this method yet.")
        measure_missing.panel("sensitivity", plan(), asked, "nine blocks, eight counts each")
        return
    with panels.errors_shown():
        wanted = limit_fields.read()
        spec = search_refinement.spec_of(asked, wanted)
        record = shared_state.store().get_record(spec.id)
        measured = search_refinement.found(record) if record is not None else []
        closest = search_refinement.closest(record) if record is not None else []
        greedy = cache.greedy_of(asked, wanted)
        answers = measured or closest or list(greedy.answers)
        finding.markdown(f"### {panels.escape(_finding(wanted, answers[0]))}")
        _chart(
            search_results.search_data(
                answers, greedy.front, _near(greedy.uniform, answers), search_refinement.tried(record)
            ),
            asked,
        )
        if closest and not measured:
            st.warning("None of the schedules that were measured keeps these limits; these come closest.")
        elif record is None and greedy.doubtful:
            st.warning(
                "These are predicted to miss a limit on losses, by no more than predictions are off: measuring tells."
            )
        _answers(answers, asked)
        if record is None:
            search_refinement.panel(spec)


def _finding(wanted: Limits, best: Candidate) -> str:
    counted = cost(best.schedule)
    how = "measured" if best.measured is not None else "predicted"
    text = f"With {wanted.words}: {fmt.percent(best.accuracy)} {how}, {fmt.signed_points(-best.drop)} to dense, "
    return text + f"with {fmt.percent(counted.macs / DENSE_COST.macs)} of the MACs."


def _near(uniform: Sequence[Candidate], answers: Sequence[Candidate]) -> list[Candidate]:
    """The uniform schedules about as large as the answers: all of them would press the answers into one spot."""
    macs = [cost(each.schedule).macs for each in answers]
    return [each for each in uniform if NEAR[0] * min(macs) <= cost(each.schedule).macs <= NEAR[1] * max(macs)]


def _chart(frame: pd.DataFrame, asked: PredictionSettings) -> None:
    panels.show(
        panels.Panel(
            name="search",
            title=search_results.search_title(frame),
            frame=frame,
            chart=search_results.search_chart,
            alt_text=search_results.search_alt(frame),
            depends=f"Pruned by {asked.method}, no fine-tuning; 2,000 validation images. Numbered: the answers below, "
            "with 95 % intervals; stepped: what no schedule that was looked at beats; dotted: the same share of every "
            "block; triangles: measured on the way.",
        )
    )


def _answers(answers: Sequence[Candidate], asked: PredictionSettings) -> None:
    st.subheader(f"The best {len(answers)}" if len(answers) > 1 else "The best")
    measured = "Measured there" if answers[0].measured is not None else "Predicted from what was measured"
    st.caption(
        f"Found on validation images, right after pruning, without fine-tuning; test images choose nothing. {measured}."
    )
    for place, candidate in enumerate(answers, 1):
        schedule_card.show(f"answer-{place}", _point(candidate, asked), figures(candidate))


def figures(candidate: Candidate) -> str:
    """A candidate in figures: cost, accuracy, its loss with a margin, and the class that loses most."""
    counted = cost(candidate.schedule)
    how = "measured" if candidate.measured is not None else "predicted"
    text = (
        f"{fmt.percent(counted.macs / DENSE_COST.macs)} of the MACs, "
        f"{fmt.percent(counted.parameters / DENSE_COST.parameters)} of the parameters. "
        f"Accuracy {how}: {fmt.percent(candidate.accuracy)} ({fmt.signed_points(-candidate.drop)} to dense, "
        f"± {100 * candidate.margin:.1f})"
    )
    if candidate.class_drops:
        worst = candidate.class_drops[candidate.worst_class]
        text += f"; {CLASSES[candidate.worst_class]} loses most, {fmt.signed_points(-worst)}"
    return f"{text}."


def _point(candidate: Candidate, asked: PredictionSettings) -> Point:
    return Point(
        schedule=candidate.schedule,
        kept=candidate.schedule,
        validation=candidate.measured,
        method=asked.method,
        recalibrate=asked.recalibrate,
        calibration=asked.calibration,
        training_set=asked.training_set,
        dense_sha256=asked.dense_sha256,
    )
