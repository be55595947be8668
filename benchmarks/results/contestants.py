"""The compared pruning methods: ours, and Torch-Pruning's importance criteria with and without recalibration."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from roboreg_core.errors import SpecError
from roboreg_core.pruning.methods import NO_CLUSTERS, parse

RECALIBRATED = "+recalibrate"
RIVAL = "torch-pruning:"
# Deterministic criteria: every seed gives the same network.
SEEDLESS_RIVALS = ("magnitude-l2", "bn-scale")


@dataclass(frozen=True)
class Contestant:
    """A pruning method.

    Attributes:
        name: name on the command line and in the file of points.
        method: a method of ours; empty for Torch-Pruning.
        rival: an importance criterion of Torch-Pruning; empty for our methods.
        recalibrate: True if batch norm is recalibrated after pruning.
    """

    name: str
    method: str = ""
    rival: str = ""
    recalibrate: bool = False

    @cached_property
    def seeded(self) -> bool:
        """True if the pruned network depends on the seed."""
        if self.recalibrate:
            return True
        if self.rival:
            return self.rival not in SEEDLESS_RIVALS
        method = parse(self.method)
        return method.needs_images or method.keep == "random" or method.clusters not in (NO_CLUSTERS, "ward")

    @property
    def label(self) -> str:
        """Name in the table."""
        name = self.name.removesuffix(RECALIBRATED)
        shown = f"Torch-Pruning, {name.removeprefix(RIVAL)}" if self.rival else f"`{name}`"
        return f"{shown}, recalibrated" if self.recalibrate else shown


def _both(name: str, *, method: str = "", rival: str = "") -> tuple[Contestant, Contestant]:
    return Contestant(name, method, rival), Contestant(name + RECALIBRATED, method, rival, recalibrate=True)


# In the order of measuring, most important first.
CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant("refit", "refit"),
        Contestant("refit-plus", "refit-plus"),
        Contestant("loss+refit", "filter/none/loss/refit"),
        *_both("source", method="source"),
        *_both("merge", method="merge"),
        *_both("l1", method="l1"),
        *_both(f"{RIVAL}magnitude-l2", rival="magnitude-l2"),
        *_both(f"{RIVAL}taylor", rival="taylor"),
        Contestant("l1+refit", "filter/none/l1/refit"),
        Contestant("ward-loss+refit", "responses/ward/loss/refit"),
        Contestant("ward+refit", "responses/ward/centroid/sum+refit"),
        Contestant("kmeans+refit", "responses/kmeans/centroid/sum+refit"),
        Contestant("fpgm+refit", "filter/none/fpgm/refit"),
        Contestant("bn-scale+refit", "filter/none/bn-scale/refit"),
        Contestant("random+refit", "filter/none/random/refit"),
        *_both("fpgm", method="fpgm"),
        *_both("bn-scale", method="bn-scale"),
        *_both("random", method="random"),
        *_both(f"{RIVAL}hessian", rival="hessian"),
        *_both(f"{RIVAL}bn-scale", rival="bn-scale"),
        *_both(f"{RIVAL}random", rival="random"),
        Contestant("merge+variance", "filter/kmeans/centroid/sum+variance"),
    )
}


def chosen(names: str) -> list[Contestant]:
    """Return contestants from comma-separated names, all for an empty text. Raises `SpecError` on an unknown name."""
    selected = [name for name in names.split(",") if name]
    for name in selected:
        if name not in CONTESTANTS:
            raise SpecError(f"method must be one of {', '.join(CONTESTANTS)}, got {name!r}")
    return [CONTESTANTS[name] for name in selected] or list(CONTESTANTS.values())
