"""Search tab: limits, immediate results from predictions, and a job that refines them by measurement."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from roboreg_core.charts import search_results
from roboreg_core.datasets.dataset import dataset_of
from roboreg_core.models.costs import cost
from roboreg_core.prediction.forecast import PredictionSettings
from roboreg_core.runs.metric_changes import BATCHES
from roboreg_core.search.candidates import Candidate
from roboreg_core.search.limits import Limits
from roboreg_core.sweeps.points import Point
from roboreg_core.ui import panels, shared_state
from roboreg_core.ui.explore import (
    cache,
    limit_fields,
    prune_settings,
    schedule_card,
    search_refinement,
    sensitivity_tab,
)
from roboreg_core.wording import fmt

# MACs of the uniform schedules in the chart, relative to the results.
NEAR = (0.7, 1.3)


def show() -> None:
    """Draw the Search tab: fields for limits, the best schedules as chart and cards, and refinement by measurement."""
    finding = st.container()
    with st.container(border=True):
        limit_fields.show()
    settings = prune_settings.pick()
    if settings is None:
        return
    forecast = cache.forecast_of(settings)
    if forecast.curves is None or forecast.curves.unmeasured:
        finding.info("A search needs the sensitivity of all blocks, which is not measured with this method yet.")
        sensitivity_tab.measure(settings)
        return
    with panels.errors_shown():
        limits = limit_fields.read(shared_state.architecture_of(settings.dense_sha256))
        spec = search_refinement.spec_of(settings, limits)
        record = shared_state.store().get_record(spec.id)
        measured, closest, tried = (
            search_refinement.results(record, key) for key in ("answers", "closest", "candidates")
        )
        greedy = cache.greedy_of(settings, limits)
        results = measured or closest or list(greedy.answers)
        finding.markdown(f"### {panels.escape(_finding(limits, results[0]))}")
        classes = dataset_of(settings.training_set).classes
        near = _near(greedy.uniform, results)
        _chart(search_results.search_data(results, greedy.front, near, tried, classes=classes), settings)
        if closest and not measured:
            st.warning("No measured schedule is within the limits; these come closest.")
        elif record is None and greedy.doubtful:
            st.warning(
                "The predictions miss a loss limit, but by less than the prediction error. Refine by measuring to "
                "decide."
            )
        _results(results, settings, limits)
        if record is None:
            search_refinement.panel(spec)


def _finding(limits: Limits, best: Candidate) -> str:
    counted = cost(best.schedule)
    how = "measured" if best.measured is not None else "predicted"
    text = f"With {limits.words}: {fmt.percent(best.accuracy)} {how} ({_change(best)}), "
    return text + f"with {fmt.percent(counted.macs / cost(best.schedule.dense).macs)} of the MACs."


def _change(candidate: Candidate) -> str:
    return f"{fmt.signed_points(-candidate.drop, unit='percentage points')} against the dense network"


def _near(uniform: Sequence[Candidate], results: Sequence[Candidate]) -> list[Candidate]:
    """Uniform schedules of about the results' size: all of them would compress the results into one spot."""
    macs = [cost(each.schedule).macs for each in results]
    return [each for each in uniform if NEAR[0] * min(macs) <= cost(each.schedule).macs <= NEAR[1] * max(macs)]


def _chart(frame: pd.DataFrame, settings: PredictionSettings) -> None:
    validation = dataset_of(settings.training_set).validation
    panels.Panel(
        name="search",
        title=search_results.search_title(frame),
        frame=frame,
        chart=search_results.search_chart,
        alt_text=search_results.search_alt(frame),
        depends=f"Pruned by {settings.method}, no fine-tuning; {validation:,} validation images. Numbered: "
        "results below, with 95 % intervals; stepped: Pareto front of all schedules considered; dotted: the same "
        "share of every block; triangles: measured during the search.",
    ).show()


def _results(results: Sequence[Candidate], settings: PredictionSettings, limits: Limits) -> None:
    st.subheader(f"Best {len(results)} schedules" if len(results) > 1 else "Best schedule")
    how = "Measured" if results[0].measured is not None else "Predicted"
    st.caption(f"{how} on validation images right after pruning, before fine-tuning. Test images are not used.")
    classes = dataset_of(settings.training_set).classes
    for place, candidate in enumerate(results, 1):
        schedule_card.show(f"answer-{place}", _point(candidate, settings), _figures(candidate, limits, classes))


def _figures(candidate: Candidate, limits: Limits, classes: Sequence[str]) -> str:
    """Cost, with size and latency if limited; accuracy, loss with its margin, and the class that loses most."""
    counted, dense = cost(candidate.schedule), cost(candidate.schedule.dense)
    how = "measured" if candidate.measured is not None else "predicted"
    text = (
        f"{fmt.percent(counted.macs / dense.macs)} of the MACs, "
        f"{fmt.percent(counted.parameters / dense.parameters)} of the parameters{_limited(candidate, limits)}. "
        f"Accuracy {how}: {fmt.percent(candidate.accuracy)} ({_change(candidate)}, "
        f"± {100 * candidate.margin:.1f})"
    )
    if candidate.class_drops:
        worst = candidate.class_drops[candidate.worst_class]
        text += f"; {classes[candidate.worst_class]} loses most, {fmt.signed_points(-worst)}"
    return f"{text}."


def _limited(candidate: Candidate, limits: Limits) -> str:
    """Size and latency of a candidate, those of them that are limited."""
    text = f", {fmt.kilobytes(cost(candidate.schedule).size_bytes)}" if limits.size_bytes is not None else ""
    seconds, how = (candidate.timed, "measured") if candidate.timed is not None else (candidate.latency, "estimated")
    if limits.latency is None or seconds is None:
        return text
    return f"{text}, {1_000 * seconds:.1f}{fmt.NBSP}ms per batch of {BATCHES[-1]} ({how})"


def _point(candidate: Candidate, settings: PredictionSettings) -> Point:
    return Point(
        schedule=candidate.schedule,
        kept=candidate.schedule,
        validation=candidate.measured,
        method=settings.method,
        recalibrate=settings.recalibrate,
        calibration=settings.calibration,
        training_set=settings.training_set,
        dense_sha256=settings.dense_sha256,
    )
