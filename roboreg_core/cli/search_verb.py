"""The verb `search`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from roboreg_core.cli.common import (
    Data,
    Device,
    From,
    Json,
    Seed,
    TrainingImages,
    chosen_images,
    load_network,
    print_result,
    schedule_progress,
    stderr,
)
from roboreg_core.datasets.dataset import dataset_of
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION, DEFAULT_METHOD
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint
    from roboreg_core.search.candidates import Candidate
    from roboreg_core.search.limits import Limits
    from roboreg_core.search.spec import KnownPoints, SearchSpec
    from roboreg_core.store.store import Store

Amount = float | None


def search_verb(
    max_macs: Annotated[Amount, typer.Option(help="Maximum MACs: a share of the dense network's, or a count.")] = None,
    max_params: Annotated[Amount, typer.Option(help="Maximum parameters: a share, or a count.")] = None,
    max_size: Annotated[Amount, typer.Option(help="Maximum bytes of the float32 tensors: a share, or a count.")] = None,
    max_latency: Annotated[Amount, typer.Option(help="Maximum estimated milliseconds per batch of 256 images.")] = None,
    max_drop: Annotated[Amount, typer.Option(help="Maximum loss of accuracy, 0.02 for 2 pp.")] = None,
    max_class_drop: Annotated[Amount, typer.Option(help="Maximum loss of recall in any class, 0.03 for 3 pp.")] = None,
    refine: Annotated[int, typer.Option(metavar="N", help="Measure N schedules on validation images.")] = 0,
    method: Annotated[str, typer.Option(help="Pruning method; `methods` lists them.")] = DEFAULT_METHOD,
    recalibrate: Annotated[bool, typer.Option(help="Recalibrate batch norm after pruning.")] = False,
    calibration: Annotated[int, typer.Option(help="Number of calibration images.")] = DEFAULT_CALIBRATION,
    start: From = "dense",
    seed: Seed = 0,
    data: Data = "",
    images: TrainingImages = "auto",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Find the best schedules within limits, predicted from sensitivity, or measured with --refine.

    With limits on costs the most accurate schedules are best, with limits on losses alone the smallest. Accuracies are
    on validation images, after pruning and before fine-tuning.
    """
    from roboreg_core.search.limits import Limits
    from roboreg_core.search.spec import SearchSpec, known, latency_fields

    loaded, store = load_network(start, data=data), open_store()
    limits = Limits(
        macs=max_macs,
        parameters=max_params,
        size_bytes=max_size,
        latency=max_latency / 1_000 if max_latency is not None else None,
        drop=max_drop,
        class_drop=max_class_drop,
        architecture=loaded.model.architecture,
    )
    chosen = chosen_images(data, images, loaded)
    setting = _setting(loaded, chosen, method=method, recalibrate=recalibrate, calibration=calibration, seed=seed)
    found = known(store, setting)
    latency = latency_fields(found.latency)
    if limits.latency is not None and found.latency is not None:
        error = "unknown" if found.latency.error is None else f"{found.latency.error:.0%}"
        stderr.print(
            f"note: latency is estimated from {found.latency.n} measured schedules, mean relative error {error}",
            markup=False,
        )
    if refine:
        spec = SearchSpec(
            limits=limits, setting=setting, trials=refine, dense=loaded.name, device=device, latency=latency
        )
        result = _measured(spec, loaded, store)
    else:
        result = _predicted(limits, found)
    values = {"limits": limits.to_json(), "words": limits.words, "setting": setting.to_json(), **result.to_json()}
    print_result(as_json, values, result.text(limits, dataset_of(setting.training_set).classes))


def _setting(loaded: Checkpoint, images: str, **settings: Any) -> Any:
    from roboreg_core.prediction.forecast import PredictionSettings, settings_with_points
    from roboreg_core.pruning.methods import parse
    from roboreg_core.runs.spec import PruneSettings, images_for

    settings["method"] = parse(settings["method"]).notation
    setting = PruneSettings(dense_sha256=loaded.sha256, training_set=images_for(loaded, images), **settings)
    if images != "auto":
        return setting
    selected = {name: value for name, value in setting.to_json().items() if name != "seed"}
    return replace(
        setting, training_set=settings_with_points(open_store(), PredictionSettings(**selected)).training_set
    )


@dataclass(frozen=True, kw_only=True)
class _Result:
    """Result of a search; `missed` if `answers` miss the limits on losses."""

    answers: Sequence[Candidate]
    front: Sequence[Candidate]
    uniform: Sequence[Candidate]
    measured: int = 0
    record: str = ""
    missed: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "answers": [each.to_json() for each in self.answers],
            "front": [each.to_json() for each in self.front],
            "uniform": [each.to_json() for each in self.uniform],
            "measured": self.measured,
            "record": self.record,
            "limits_kept": not self.missed,
        }

    def text(self, limits: Limits, classes: Sequence[str]) -> str:
        if self.missed and self.measured:
            how = f"none of {self.measured} measured schedules meets these limits; the closest"
        elif self.missed:
            how = "predicted to miss these limits by less than the prediction error; --refine measures"
        elif self.measured:
            how = f"the best of {self.measured} measured schedules"
        else:
            how = "predicted from sensitivity, not measured"
        return "\n".join(
            [
                f"{limits.words}; {how}:",
                *(_line(each, limits, classes) for each in self.answers),
                _margins(self.answers[0]),
            ]
        )


def _predicted(limits: Limits, found: KnownPoints) -> _Result:
    from roboreg_core.search.best_schedules import greedy

    best = greedy(limits, found.surrogate, latency=found.latency.line if found.latency else None)
    return _Result(answers=best.answers, front=best.front, uniform=best.uniform, missed=best.doubtful)


def _measured(spec: SearchSpec, loaded: Checkpoint, store: Store) -> _Result:
    from roboreg_core.search.candidates import Candidate, front
    from roboreg_core.search.execute import search_here

    with schedule_progress("search") as on_report:
        record = search_here(spec, loaded, store, on_report=on_report)
    every = [Candidate.from_json(each) for each in record.result["candidates"]]
    kept = front([each for each in every if each.excess(spec.limits) == 0])
    uniform = [each for each, trial in zip(every, record.result["trials"], strict=True) if trial["source"] == "uniform"]
    return _Result(
        answers=[Candidate.from_json(each) for each in record.result["answers"] or record.result["closest"]],
        missed=not record.result["answers"],
        front=[replace(each, front=True) for each in kept if each.front],
        uniform=uniform,
        measured=len(every),
        record=record.id,
    )


def _line(each: Candidate, limits: Limits, classes: Sequence[str]) -> str:
    from roboreg_core.evaluation.latency import BATCH
    from roboreg_core.models.costs import cost

    counted, worst = cost(each.schedule), each.worst_class
    seconds, how = (each.timed, "measured") if each.timed is not None else (each.latency, "estimated")
    latency = ""
    if seconds is not None and (how == "measured" or limits.latency is not None):
        latency = f", {1_000 * seconds:.1f} ms per batch of {BATCH} ({how})"
    return (
        f"  {each.schedule!s:<28} {counted.macs:>10,} MACs  {counted.parameters:>7,} parameters  "
        f"{each.accuracy:.2%}, loses {100 * each.drop:.1f} pp, {classes[worst]} {100 * each.class_drops[worst]:.1f} pp"
        f"{latency}"
    )


def _margins(each: Candidate) -> str:
    images, by_class = each.dense.total, each.fewest_images
    return (
        f"95 % margins of losses (independent samples): ±{100 * each.margin:.1f} pp on {images:,} validation images, "
        f"±{100 * each.class_margin:.1f} pp on {by_class} images of a class"
    )
