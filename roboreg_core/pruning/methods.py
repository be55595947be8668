"""A pruning method as a composition: what is clustered, how, what of a cluster stays, what repairs.

Names and meanings only; `features`, `cluster`, `keep`, `merge` and `refit` hold what they stand for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from roboreg_core.errors import SpecError

NO_CLUSTERS = "none"
# Training images that pruning looks at. Fewer lose more accuracy, more take longer than one likes to wait.
DEFAULT_CALIBRATION = 3_000
RESPONSES = "responses"
FEATURES = {
    "raw": "conv1's weights alone",
    "filter": "conv1's weights with gamma and beta beside them",
    "folded": "conv1's weights with batch norm folded into them",
    "joint": "conv1's weights beside the slice of conv2 that reads the channel",
    RESPONSES: "what the channels answer to calibration images",
}
CLUSTERS = {
    "kmeans": "k-means with ten seeded starts",
    "ward": "Ward's linkage, one dendrogram cut at every k",
    NO_CLUSTERS: "no clusters: filters are kept or dropped",
}
KEEPS = {
    "centroid": "the mean of the cluster's filters, batch norm folded in",
    "average": "the mean of the cluster's raw filters and statistics, as the source project has it",
    "medoid": "the filter nearest to the cluster's mean",
    "loss": "the filters without which the block's output can be restored worst (optimal brain surgeon)",
    "l1": "filters with the largest L1 norm",
    "fpgm": "filters farthest from the geometric median",
    "bn-scale": "filters with the largest batch-norm scale",
    "random": "filters that the seed draws",
}
REPAIRS = {
    "sum": "conv2's slices of a cluster are summed",
    "variance": "gamma restores the variance that averaging took, without images",
    "refit": "conv1, conv2 and the last layer are solved by ridge least squares for the dense network's outputs",
    "blend": "each filter that stays becomes the mixture of all filters of its block that serves the output best",
    "blend-more": "the same in five rounds, conv2 solved after each",
}
# How often filters are mixed and conv2 is solved, in turns, and at how many places of each image mixtures are solved.
ROUNDS = {"blend": 1, "blend-more": 5}
PLACES = {"blend": 2, "blend-more": 4}


def _one_of(what: str, value: str, choices: Mapping[str, object]) -> None:
    if value not in choices:
        raise SpecError(f"{what} must be one of {', '.join(choices)}, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to prune a block.

    Attributes:
        features: one of `FEATURES`; not looked at without clusters.
        clusters: one of `CLUSTERS`.
        keep: one of `KEEPS`. Without clusters the best filters of the block stay, with them the best of each cluster.
        repair: some of `REPAIRS`.
        name, meaning: of a named composition; empty for others.
    """

    features: str = "filter"
    clusters: str = NO_CLUSTERS
    keep: str
    repair: tuple[str, ...] = ()
    name: str = ""
    meaning: str = ""

    def __post_init__(self) -> None:
        _one_of("features", self.features, FEATURES)
        _one_of("clusters", self.clusters, CLUSTERS)
        _one_of("keep", self.keep, KEEPS)
        for part in self.repair:
            _one_of("repair", part, REPAIRS)
        if self.clusters == NO_CLUSTERS and self.keep in ("centroid", "average", "medoid"):
            raise SpecError(f"keep {self.keep} needs clusters, got none; choose kmeans or ward, or another keep")
        if "variance" in self.repair and self.keep != "centroid":
            raise SpecError(f"repair variance is for keep centroid, got {self.keep}; leave it out")
        if self.rounds and ("refit" not in self.repair or self.keep in ("centroid", "average")):
            raise SpecError(f"blending needs repair refit and filters that stay, got keep {self.keep}; leave it out")
        object.__setattr__(self, "repair", tuple(part for part in REPAIRS if part in self.repair))

    @property
    def rounds(self) -> int:
        """How often filters are mixed."""
        return max((ROUNDS.get(part, 0) for part in self.repair), default=0)

    @property
    def places(self) -> int:
        """At how many places of each image mixtures are solved: they have few unknowns."""
        return max((PLACES.get(part, 0) for part in self.repair), default=0)

    @property
    def needs_images(self) -> bool:
        """True where pruning looks at calibration images."""
        looks = self.clusters != NO_CLUSTERS and self.features == RESPONSES
        return looks or self.keep == "loss" or "refit" in self.repair

    @property
    def spelled(self) -> str:
        """The name, or `features/clusters/keep/repair+repair`; `parse` reads both."""
        return self.name or "/".join([self.features, self.clusters, self.keep, "+".join(self.repair) or "none"])

    def to_json(self) -> dict[str, Any]:
        """A JSON object for people and programs."""
        parts = {"features": self.features, "clusters": self.clusters, "keep": self.keep, "repair": list(self.repair)}
        return {"name": self.spelled, "meaning": self.meaning, **parts, "needs_images": self.needs_images}


METHODS = {
    method.name: method
    for method in (
        Method(
            name="refit",
            meaning="keep the filters that the block's output misses most, mix the others into them by least squares",
            keep="loss",
            repair=("refit", "blend"),
        ),
        Method(
            name="refit-plus",
            meaning="refit with five rounds of mixing in place of one: better and slower",
            keep="loss",
            repair=("refit", "blend-more"),
        ),
        Method(
            name="merge",
            meaning="cluster the filters with their gamma and beta, average each cluster folded, sum what reads it",
            clusters="kmeans",
            keep="centroid",
            repair=("sum",),
        ),
        Method(
            name="source",
            meaning="the source project's arithmetic: cluster raw weights, average everything",
            features="raw",
            clusters="kmeans",
            keep="average",
        ),
        Method(name="l1", meaning="drop the filters with the smallest L1 norm", keep="l1"),
        Method(name="fpgm", meaning="drop the filters nearest to the geometric median", keep="fpgm"),
        Method(name="bn-scale", meaning="drop the filters with the smallest batch-norm scale", keep="bn-scale"),
        Method(name="random", meaning="drop filters at random: what any method must beat", keep="random"),
    )
}
DEFAULT_METHOD = "refit"
WEIGHTS = "weights"
WEIGHTS_MEANING = "set single weights to zero by magnitude: the network stays as large and as slow as it was"


def parse(spelled: str) -> Method:
    """A method from its name or from what `Method.spelled` wrote. Raises `SpecError` with the choices."""
    if spelled in METHODS:
        return METHODS[spelled]
    parts = spelled.split("/")
    if len(parts) != 4:
        raise SpecError(
            f"method must be one of {', '.join(METHODS)}, or features/clusters/keep/repair, got {spelled!r}"
        )
    features, clusters, keep, repair = parts
    return named(Method(features=features, clusters=clusters, keep=keep, repair=_repairs(repair)))


def compose(base: str, *, features: str = "", clusters: str = "", keep: str = "", repair: str = "") -> Method:
    """`base` with other parts put in its place; an empty part stays. `repair` is a list joined by commas or plus."""
    method = parse(base)
    parts: dict[str, Any] = {"features": features, "clusters": clusters, "keep": keep}
    changes = {name: value for name, value in parts.items() if value}
    if repair:
        changes["repair"] = _repairs(repair)
    return named(replace(method, **changes, name="", meaning="")) if changes else method


def named(method: Method) -> Method:
    """The named composition with the same parts, where there is one."""
    parts = (method.features if method.clusters != NO_CLUSTERS else "", method.clusters, method.keep, method.repair)
    for known in METHODS.values():
        features = known.features if known.clusters != NO_CLUSTERS else ""
        if (features, known.clusters, known.keep, known.repair) == parts:
            return known
    return method


@dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """Which weights become zero: the smallest `sparsity` of all (0 to below 1), or those up to `threshold` in size.

    Without either as many stay as the run's schedule keeps parameters. Raises `SpecError` on both, or out of bounds.
    """

    sparsity: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.sparsity is not None and self.threshold is not None:
            raise SpecError("weights are pruned to a sparsity or below a threshold, got both; give one")
        if self.sparsity is not None and not 0 <= self.sparsity < 1:
            raise SpecError(f"sparsity must be 0 to below 1, got {self.sparsity}")
        if self.threshold is not None and not 0 <= self.threshold < math.inf:
            raise SpecError(f"threshold must be at least 0, got {self.threshold}")

    @property
    def spelled(self) -> str:
        """`weights`, `weights:sparsity=0.9` or `weights:threshold=0.01`; `parse_weights` reads all three."""
        given = {"sparsity": self.sparsity, "threshold": self.threshold}
        return ":".join([WEIGHTS, *(f"{name}={value!r}" for name, value in given.items() if value is not None)])


def parse_weights(spelled: str) -> WeightsSpec | None:
    """What `WeightsSpec.spelled` wrote; None for another method. Raises `SpecError` on what is neither."""
    name, _, setting = spelled.partition(":")
    if name != WEIGHTS:
        return None
    key, _, value = setting.partition("=")
    if not setting:
        return WeightsSpec()
    try:
        if key in ("sparsity", "threshold"):
            return WeightsSpec(**{key: float(value)})
    except ValueError:
        pass
    raise SpecError(f"method {WEIGHTS} takes :sparsity=SHARE or :threshold=SIZE, got {spelled!r}")


def _repairs(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace("+", ",").split(",") if part and part != "none")
