"""Pruning methods as compositions of features, clustering, selection (`keep`) and repairs.

Names and descriptions only, without torch; `features`, `clustering`, `criteria`, `merging`, `refit` and `filter_mixing`
implement them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from roboreg_core.errors import SpecError

NO_CLUSTERS = "none"
# Calibration images: with fewer the pruned network loses accuracy, with more pruning takes longer.
DEFAULT_CALIBRATION = 3_000
RESPONSES = "responses"
FEATURES = {
    "raw": "conv1's weights",
    "filter": "conv1's weights, gamma and beta",
    "folded": "conv1's weights and bias with batch norm folded in",
    "joint": "conv1's weights and the slice of conv2 that reads the channel",
    RESPONSES: "activations of the channels on calibration images",
}
CLUSTERS = {
    "kmeans": "k-means with ten seeded starts",
    "ward": "Ward's linkage, one dendrogram cut at every k",
    NO_CLUSTERS: "no clusters: filters are kept or dropped",
}
KEEPS = {
    "centroid": "the mean of the cluster's filters, batch norm folded in",
    "average": "the mean of the cluster's raw filters and statistics, as in the original project",
    "medoid": "the filter nearest to the cluster's mean",
    "loss": "the filters with the lowest least-squares error of the block's output (optimal brain surgeon)",
    "l1": "filters with the largest L1 norm",
    "fpgm": "filters farthest from the geometric median",
    "bn-scale": "filters with the largest batch-norm scale",
    "random": "filters drawn at random by the seed",
}
REPAIRS = {
    "sum": "conv2's slices of a cluster are summed",
    "variance": "gamma restores the variance that averaging reduced, without images",
    "refit": "least-squares reconstruction of conv1, conv2 and the last layer from the dense network's activations",
    "blend": "each kept filter becomes the mixture of all filters of its block with the lowest error of the output",
    "blend-more": "blend in five rounds, with conv2 fitted after each",
}
# Rounds of mixing filters and fitting conv2, and sampled pixels per image to which mixtures are fitted.
ROUNDS = {"blend": 1, "blend-more": 5}
PIXELS_PER_IMAGE = {"blend": 2, "blend-more": 4}


def _one_of(name: str, value: str, choices: Mapping[str, object]) -> None:
    if value not in choices:
        raise SpecError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Method:
    """Composition of a pruning method.

    Attributes:
        features: key of `FEATURES`; ignored without clusters.
        clusters: key of `CLUSTERS`.
        keep: key of `KEEPS`: selection in the whole block, or with clusters in each cluster.
        repair: keys of `REPAIRS`.
        name, meaning: name and description of a named method; empty for others.

    Raises `SpecError`: a key is unknown, or the parts exclude each other.
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
            raise SpecError(f"repair blend needs repair refit and kept filters, got keep {self.keep}; leave it out")
        object.__setattr__(self, "repair", tuple(part for part in REPAIRS if part in self.repair))

    @property
    def rounds(self) -> int:
        """Rounds of replacing filters by mixtures of all filters (repair `blend`); 0 without mixing."""
        return max((ROUNDS.get(part, 0) for part in self.repair), default=0)

    @property
    def pixels_per_image(self) -> int:
        """Number of pixels sampled per calibration image, to which mixtures are fitted."""
        return max((PIXELS_PER_IMAGE.get(part, 0) for part in self.repair), default=0)

    @property
    def needs_images(self) -> bool:
        """True if the method needs calibration images."""
        clusters_responses = self.clusters != NO_CLUSTERS and self.features == RESPONSES
        return clusters_responses or self.keep == "loss" or "refit" in self.repair

    @property
    def notation(self) -> str:
        """Text that `parse` reads: the name, or `features/clusters/keep/repair+repair`."""
        return self.name or "/".join([self.features, self.clusters, self.keep, "+".join(self.repair) or "none"])

    def to_json(self) -> dict[str, Any]:
        """JSON object: `name` (notation), `meaning`, `features`, `clusters`, `keep`, `repair` and `needs_images`."""
        parts = {"features": self.features, "clusters": self.clusters, "keep": self.keep, "repair": list(self.repair)}
        return {"name": self.notation, "meaning": self.meaning, **parts, "needs_images": self.needs_images}


METHODS = {
    method.name: method
    for method in (
        Method(
            name="refit",
            meaning="keep the filters with the lowest reconstruction error, mix the others into them by least squares",
            keep="loss",
            repair=("refit", "blend"),
        ),
        Method(
            name="refit-plus",
            meaning="refit with five rounds of mixing instead of one: more accurate and slower",
            keep="loss",
            repair=("refit", "blend-more"),
        ),
        Method(
            name="merge",
            meaning="cluster similar filters, replace each cluster by its mean, and add up the weights that read them",
            clusters="kmeans",
            keep="centroid",
            repair=("sum",),
        ),
        Method(
            name="source",
            meaning="the original project's method: cluster filters by their weights, average all weights of a cluster",
            features="raw",
            clusters="kmeans",
            keep="average",
        ),
        Method(name="l1", meaning="drop the filters with the smallest L1 norm", keep="l1"),
        Method(name="fpgm", meaning="drop the filters nearest to the geometric median", keep="fpgm"),
        Method(name="bn-scale", meaning="drop the filters with the smallest batch-norm scale", keep="bn-scale"),
        Method(name="random", meaning="drop filters at random: the baseline for any method", keep="random"),
    )
}
DEFAULT_METHOD = "refit"
WEIGHTS = "weights"
WEIGHTS_MEANING = "set single weights to zero by magnitude; the network keeps its size and latency"


def parse(text: str) -> Method:
    """Method from its name, or from `features/clusters/keep/repair+repair`. Raises `SpecError`: it is neither."""
    if text in METHODS:
        return METHODS[text]
    parts = text.split("/")
    if len(parts) != 4:
        raise SpecError(f"method must be one of {', '.join(METHODS)}, or features/clusters/keep/repair, got {text!r}")
    features, clusters, keep, repair = parts
    return named(Method(features=features, clusters=clusters, keep=keep, repair=_repairs(repair)))


def compose(base: str, *, features: str = "", clusters: str = "", keep: str = "", repair: str = "") -> Method:
    """Method with some parts of another replaced; parts left empty stay.

    Args:
        base: name or notation of the method to start from.
        features: key of `FEATURES`.
        clusters: key of `CLUSTERS`.
        keep: key of `KEEPS`.
        repair: keys of `REPAIRS`, joined by commas or plus signs; `none` for no repair.

    Raises `SpecError`: a key is unknown, or the parts exclude each other.
    """
    method = parse(base)
    parts: dict[str, Any] = {"features": features, "clusters": clusters, "keep": keep}
    changes = {name: value for name, value in parts.items() if value}
    if repair:
        changes["repair"] = _repairs(repair)
    return named(replace(method, **changes, name="", meaning="")) if changes else method


def named(method: Method) -> Method:
    """The method of `METHODS` with the same parts, else `method` itself."""
    parts = (method.features if method.clusters != NO_CLUSTERS else "", method.clusters, method.keep, method.repair)
    for known in METHODS.values():
        features = known.features if known.clusters != NO_CLUSTERS else ""
        if (features, known.clusters, known.keep, known.repair) == parts:
            return known
    return method


@dataclass(frozen=True, kw_only=True)
class WeightsSpec:
    """Settings of weight pruning.

    Attributes:
        sparsity: share of the weights to set to zero, 0 to below 1.
        threshold: magnitude up to which weights are set to zero.

    If both are None, the schedule gives the sparsity, see `prune_weights`.

    Raises `SpecError`: both are set, or one is out of bounds.
    """

    sparsity: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        if self.sparsity is not None and self.threshold is not None:
            raise SpecError("weight pruning takes either a sparsity or a threshold, got both; give one")
        if self.sparsity is not None and not 0 <= self.sparsity < 1:
            raise SpecError(f"sparsity must be in [0, 1), got {self.sparsity}")
        if self.threshold is not None and not 0 <= self.threshold < math.inf:
            raise SpecError(f"threshold must be at least 0, got {self.threshold}")

    @property
    def notation(self) -> str:
        """Text that `parse_weights` reads: `weights`, `weights:sparsity=0.9` or `weights:threshold=0.01`."""
        given = {"sparsity": self.sparsity, "threshold": self.threshold}
        return ":".join([WEIGHTS, *(f"{name}={value!r}" for name, value in given.items() if value is not None)])


def parse_weights(text: str) -> WeightsSpec | None:
    """Settings of weight pruning from its notation; None for other methods. Raises `SpecError`: invalid setting."""
    name, _, setting = text.partition(":")
    if name != WEIGHTS:
        return None
    key, _, value = setting.partition("=")
    if not setting:
        return WeightsSpec()
    try:
        if key in ("sparsity", "threshold") and value.isascii() and "_" not in value:
            return WeightsSpec(**{key: float(value)})
    except ValueError:
        pass
    raise SpecError(f"method {WEIGHTS} takes :sparsity=SHARE or :threshold=SIZE, got {text!r}")


def _repairs(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.replace("+", ",").split(",") if part and part != "none")
