"""Options of pruning and fine-tuning, shared by several verbs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from roboreg_core.cli.common import Data, Device, From, Normalisation, Seed, TrainingImages, chosen_images, load_network
from roboreg_core.errors import SpecError
from roboreg_core.models.normalisation import AUTO
from roboreg_core.prediction.forecast import PredictionSettings, settings_with_points
from roboreg_core.pruning.methods import (
    DEFAULT_CALIBRATION,
    DEFAULT_METHOD,
    WEIGHTS,
    WeightsSpec,
    compose,
    parse_weights,
)
from roboreg_core.runs.spec import images_for, preset_fields
from roboreg_core.training.fine_tuning_presets import DEFAULT_TUNE_PRESET, TUNE_PRESETS
from roboreg_core.user_input import is_file
from roboreg_core.user_store import open_store

if TYPE_CHECKING:
    from roboreg_core.models.checkpoints import Checkpoint


@dataclass(frozen=True, kw_only=True)
class PruneOptions:
    """Options of pruning and fine-tuning."""

    method: Annotated[str, typer.Option(help="Pruning method; `methods` lists them.")] = DEFAULT_METHOD
    features: Annotated[str, typer.Option(help="Replace the method's features for clustering.")] = ""
    clusters: Annotated[str, typer.Option(help="Replace the method's clustering: kmeans, ward or none.")] = ""
    keep: Annotated[str, typer.Option(help="Replace the method's criterion for the filters to keep.")] = ""
    repair: Annotated[str, typer.Option(help="Replace the method's repairs, comma-separated, or none.")] = ""
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate/--no-recalibrate", help="Recalibrate batch norm after pruning.")
    ] = False
    calibration: Annotated[int, typer.Option(help="Number of calibration images.")] = DEFAULT_CALIBRATION
    sparsity: Annotated[
        float | None,
        typer.Option(help="Method weights: share of zeros; if omitted, as many non-zeros as the schedule keeps."),
    ] = None
    threshold: Annotated[float | None, typer.Option(help="Method weights: largest magnitude that is set to zero.")] = (
        None
    )
    preset: Annotated[
        str,
        typer.Option(
            help=f"Fine-tuning: {', '.join(TUNE_PRESETS)}. If omitted, run uses {DEFAULT_TUNE_PRESET} and prune none."
        ),
    ] = ""
    distil: Annotated[
        bool, typer.Option("--distil/--no-distil", help="Fine-tune with knowledge distillation, or on labels only.")
    ] = True
    start: From = "dense"
    normalisation: Normalisation = AUTO
    seed: Seed = 0
    data: Data = ""
    images: TrainingImages = "auto"
    device: Device = "auto"

    def network(self) -> Checkpoint:
        """The network to start from. Raises `CheckpointError` or `SpecError`, see `load_network`."""
        return load_network(self.start, self.normalisation, self.data)

    def file_options(self) -> str:
        """The options that name the file to start from and its normalisation; empty for a network by name."""
        from roboreg_core.models.checkpoints import names

        if self.start in names() or not is_file(self.start):
            return ""
        normalisation = "" if self.normalisation == AUTO else f" --normalisation {self.normalisation}"
        return f"--from {shlex.quote(self.start)}{normalisation}"

    def composed(self) -> tuple[str, bool]:
        """The method with its parts replaced by the options, and True if batch norm is to be recalibrated.

        The method is in the notation of `pruning.methods`: `l1`, `joint/ward/l1/refit` or `weights:sparsity=0.5`.

        Raises `SpecError`: options are incompatible.
        """
        given = self.sparsity is not None or self.threshold is not None
        single = parse_weights(self.method)
        if single is not None:
            names = ("features", "clusters", "keep", "repair", "recalibrate")
            if others := [name for name in names if getattr(self, name)]:
                raise SpecError(f"method {WEIGHTS} takes no {', '.join(others)}; leave out these options")
            if given and single != WeightsSpec():
                raise SpecError(
                    f"sparsity or threshold must be given once, got {self.method} and an option; leave one out"
                )
            spec = WeightsSpec(sparsity=self.sparsity, threshold=self.threshold) if given else single
            return spec.notation, False
        if given:
            raise SpecError(
                f"sparsity and threshold are for --method {WEIGHTS}, got them with {self.method}; leave them out"
            )
        parts = [part for part in self.repair.replace("+", ",").split(",") if part]
        repair = ",".join(part for part in parts if part != "recalibrate")
        if parts and not repair:
            repair = "none"
        method = compose(self.method, features=self.features, clusters=self.clusters, keep=self.keep, repair=repair)
        return method.notation, self.recalibrate or "recalibrate" in parts

    def training_set(self, dense: Checkpoint) -> str:
        """The training set that `--data` and `--images` select, see `chosen_images`; by default that of `dense`."""
        return chosen_images(self.data, self.images, dense)

    def prediction_settings(self, dense: Checkpoint) -> PredictionSettings:
        """Settings of sensitivity and prediction for the network `dense`, with the fine-tuning of the verb `run`.

        Raises `SpecError`: the method removes no filters.
        """
        method, recalibrate = self.composed()
        if parse_weights(method) is not None:
            raise SpecError(f"the method must drop filters, got {method}, which keeps them all; choose another method")
        settings = PredictionSettings(
            dense_sha256=dense.sha256,
            training_set=images_for(dense, self.training_set(dense)),
            method=method,
            recalibrate=recalibrate,
            calibration=self.calibration,
            **preset_fields(self.preset or DEFAULT_TUNE_PRESET),
        )
        return settings_with_points(open_store(), settings) if self.images == "auto" else settings
