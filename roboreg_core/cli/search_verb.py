"""The verb that searches a schedule: at once from sensitivity, or with --refine by measuring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import (
    Device,
    From,
    Json,
    Seed,
    TrainingImages,
    answer,
    load_network,
    open_store,
    progress_bar,
    say,
)
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.search.best_schedules import Candidate
    from roboreg_core.search.limits import Limits
    from roboreg_core.search.spec import KnownPoints, SearchSpec
    from roboreg_core.store.store import Store

Amount = float | None


def search_verb(
    max_macs: Annotated[Amount, typer.Option(help="MACs: a share of the dense network's up to 1, or a count.")] = None,
    max_params: Annotated[Amount, typer.Option(help="Parameters: a share up to 1, or a count.")] = None,
    max_size: Annotated[Amount, typer.Option(help="Bytes of the float32 tensors: a share up to 1, or a count.")] = None,
    max_latency: Annotated[Amount, typer.Option(help="Milliseconds for a batch of 256 images; estimated.")] = None,
    max_drop: Annotated[Amount, typer.Option(help="Accuracy lost at most, 0.02 for 2 points.")] = None,
    max_class_drop: Annotated[Amount, typer.Option(help="Lost in any class at most, 0.03 for 3 points.")] = None,
    refine: Annotated[int, typer.Option(metavar="N", help="Measure N schedules on validation images.")] = 0,
    method: Annotated[str, typer.Option(help="How to prune: a named method.")] = DEFAULT_METHOD,
    recalibrate: Annotated[bool, typer.Option(help="Estimate batch norm anew afterwards.")] = False,
    calibration: Annotated[int, typer.Option(help="Training images that pruning looks at.")] = DEFAULT_CALIBRATION,
    start: From = "dense",
    seed: Seed = 0,
    images: TrainingImages = "auto",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """The best few schedules within limits, by what is known of each block; with --refine they are measured.

    With limits on costs the most accurate are best, with limits on losses alone the smallest. All figures are of
    validation images, right after pruning.
    """
    from roboreg_core.search.limits import Limits
    from roboreg_core.search.spec import SearchSpec, known, latency_fields

    limits = Limits(
        macs=max_macs,
        parameters=max_params,
        size_bytes=max_size,
        latency=max_latency / 1_000 if max_latency is not None else None,
        drop=max_drop,
        class_drop=max_class_drop,
    )
    loaded, store = load_network(start), open_store()
    setting = _setting(loaded, images, method=method, recalibrate=recalibrate, calibration=calibration, seed=seed)
    found = known(store, setting)
    latency = latency_fields(found.latency)
    if limits.latency is not None and found.latency is not None:
        error = f"{found.latency.error:.0%} off on average" if found.latency.error is not None else "unchecked"
        say.print(f"note: latency is estimated from {found.latency.n} timed schedules, {error}", markup=False)
    if refine:
        spec = SearchSpec(
            limits=limits, setting=setting, trials=refine, dense=loaded.name, device=device, latency=latency
        )
        shown = _refined(spec, loaded, store)
    else:
        shown = _by_outlook(limits, found)
    facts = {"limits": limits.to_json(), "words": limits.words, "setting": setting.to_json(), **shown.to_json()}
    answer(as_json, facts, shown.lines(limits))


def _setting(loaded: Checkpoint, images: str, **settings: Any) -> Any:
    from roboreg_core.datasets.sources import resolve_training_set
    from roboreg_core.prediction.forecast import PredictionSettings, learnable
    from roboreg_core.pruning.methods import parse
    from roboreg_core.sweeps.spec import PruneSettings

    settings["method"] = parse(settings["method"]).spelled
    setting = PruneSettings(dense_sha256=loaded.sha256, training_set=resolve_training_set(images), **settings)
    if images != "auto":
        return setting
    asked = {name: value for name, value in setting.to_json().items() if name != "seed"}
    return replace(setting, training_set=learnable(open_store(), PredictionSettings(**asked)).training_set)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """What is told: answers, front, uniform schedules, how many were measured, and whether answers miss the limits."""

    answers: Sequence[Candidate]
    front: Sequence[Candidate]
    uniform: Sequence[Candidate]
    measured: int = 0
    record: str = ""
    missed: bool = False

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "answers": [each.to_json() for each in self.answers],
            "front": [each.to_json() for each in self.front],
            "uniform": [each.to_json() for each in self.uniform],
            "measured": self.measured,
            "record": self.record,
            "limits_kept": not self.missed,
        }

    def lines(self, limits: Limits) -> str:
        """For people."""
        if self.missed and self.measured:
            how = f"none of {self.measured} measured keeps that; the closest"
        elif self.missed:
            how = "predicted to miss that, by no more than predictions are off; --refine measures"
        else:
            how = (
                f"the best of {self.measured} measured" if self.measured else "predicted from sensitivity, not measured"
            )
        return "\n".join([f"{limits.words}; {how}:", *map(_line, self.answers), _noise(self.answers[0])])


def _by_outlook(limits: Limits, found: KnownPoints) -> _Shown:
    from roboreg_core.search.best_schedules import greedy

    best = greedy(limits, found.outlook, latency=found.latency.line if found.latency else None)
    return _Shown(answers=best.answers, front=best.front, uniform=best.uniform, missed=best.doubtful)


def _refined(spec: SearchSpec, loaded: Checkpoint, store: Store) -> _Shown:
    from roboreg_core.search.best_schedules import Candidate, front
    from roboreg_core.search.execute import search_here

    with progress_bar("search") as advance:

        def told(payload: dict[str, Any]) -> None:
            advance(payload["fraction"], f"{payload['done']} of {payload['total']}")

        record = search_here(spec, loaded, store, on_report=told)
    every = [Candidate.from_json(each) for each in record.result["candidates"]]
    kept = front([each for each in every if each.excess(spec.limits) == 0])
    uniform = [each for each, trial in zip(every, record.result["trials"], strict=True) if trial["source"] == "uniform"]
    return _Shown(
        answers=[Candidate.from_json(each) for each in record.result["answers"] or record.result["closest"]],
        missed=not record.result["answers"],
        front=[replace(each, front=True) for each in kept if each.front],
        uniform=uniform,
        measured=len(every),
        record=record.id,
    )


def _line(each: Candidate) -> str:
    from roboreg_core.datasets.images import CLASSES
    from roboreg_core.models.costs import cost

    counted = cost(each.schedule)
    worst = each.worst_class
    timed = f", {1_000 * each.timed:.0f} ms for 256 images" if each.timed is not None else ""
    return (
        f"  {each.schedule!s:<28} {counted.macs:>10,} MACs  {counted.parameters:>7,} parameters  "
        f"{each.accuracy:.2%}, loses {100 * each.drop:.1f} points, {CLASSES[worst]} {100 * each.class_drops[worst]:.1f}"
        f"{timed}"
    )


def _noise(each: Candidate) -> str:
    images, by_class = each.dense.total, min(each.dense.images)
    return (
        f"on {images:,} validation images a loss is known to ±{100 * each.margin:.1f} points, on {by_class} of a class "
        f"to ±{100 * each.class_margin:.1f} (95 %, two independent samples)"
    )
