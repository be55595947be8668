"""The options that `prune` and `run` both take, written once: a dataclass that fills one parameter of a verb."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_type_hints

import typer

from roboreg_core.cli.common import Device, From, Seed, TrainingImages
from roboreg_core.errors import SpecError
from roboreg_core.pruning.methods import DEFAULT_CALIBRATION


@dataclass(frozen=True, kw_only=True)
class PruneOptions:
    """How to prune and from what, as the command line spells it; `preset` and `distil` are of fine-tuning."""

    method: Annotated[str, typer.Option(help="A named method; the verb `methods` lists them.")] = "refit"
    features: Annotated[str, typer.Option(help="In place of the method's own: what is clustered.")] = ""
    clusters: Annotated[str, typer.Option(help="In place of the method's own: kmeans, ward or none.")] = ""
    keep: Annotated[str, typer.Option(help="In place of the method's own: which filter of a cluster stays.")] = ""
    repair: Annotated[str, typer.Option(help="In place of the method's own, joined by commas; none for none.")] = ""
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate/--no-recalibrate", help="Estimate batch norm anew afterwards.")
    ] = False
    calibration: Annotated[int, typer.Option(help="Training images that pruning looks at, without their labels.")] = (
        DEFAULT_CALIBRATION
    )
    sparsity: Annotated[
        float | None,
        typer.Option(help="For --method weights: share of zeros; left out, as many non-zeros as the schedule keeps."),
    ] = None
    threshold: Annotated[float | None, typer.Option(help="For --method weights: zero up to this size.")] = None
    preset: Annotated[
        str, typer.Option(help="Fine-tuning: quick, good or full. Left out, run takes quick and prune does without.")
    ] = ""
    distil: Annotated[
        bool, typer.Option("--distil/--no-distil", help="Fine-tune after the dense network's answers, or labels alone.")
    ] = True
    start: From = "dense"
    seed: Seed = 0
    images: TrainingImages = "auto"
    device: Device = "auto"

    def composed(self) -> tuple[str, bool]:
        """The method's spelling, and whether batch norm is recalibrated, which `--repair` may ask for as well.

        Raises `SpecError` where options do not go together.
        """
        from roboreg_core.pruning.methods import WEIGHTS, WeightsSpec, compose, parse_weights

        given = self.sparsity is not None or self.threshold is not None
        single = parse_weights(self.method)
        if single is not None:
            if any((self.features, self.clusters, self.keep, self.repair, self.recalibrate)):
                raise SpecError(
                    f"method {WEIGHTS} takes no features, clusters, keep or repair, got some; leave them out"
                )
            if given and single != WeightsSpec():
                raise SpecError(
                    f"sparsity or threshold must be given once, got {self.method} and an option; leave one out"
                )
            wanted = WeightsSpec(sparsity=self.sparsity, threshold=self.threshold) if given else single
            return wanted.spelled, False
        if given:
            raise SpecError(
                f"sparsity and threshold are for --method {WEIGHTS}, got them with {self.method}; leave them out"
            )
        parts = [part for part in self.repair.replace("+", ",").split(",") if part]
        others = ",".join(part for part in parts if part != "recalibrate")
        if parts and not others:
            others = "none"
        method = compose(self.method, features=self.features, clusters=self.clusters, keep=self.keep, repair=others)
        return method.spelled, self.recalibrate or "recalibrate" in parts


def takes_pruning(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with an option on the command line for each field of `PruneOptions`, its parameter `pruning`."""
    hints = get_type_hints(PruneOptions, include_extras=True)
    shared = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(PruneOptions)
    ]
    own = inspect.signature(verb, eval_str=True).parameters.values()
    kept = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own if each.name != "pruning"]

    def with_options(**values: Any) -> None:
        options = PruneOptions(**{parameter.name: values.pop(parameter.name) for parameter in shared})
        verb(pruning=options, **values)

    # The schedule comes first, --json last, as in every verb.
    parameters = [*kept[:1], *shared, *kept[1:]]
    with_options.__doc__ = verb.__doc__
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return with_options
