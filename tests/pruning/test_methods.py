from collections.abc import Callable

import pytest
import torch

from roboreg_core.datasets.images import Images
from roboreg_core.errors import SpecError
from roboreg_core.models.checkpoints import to_bytes
from roboreg_core.models.resnet import ResNet
from roboreg_core.pruning.clustering import CLUSTERINGS
from roboreg_core.pruning.criteria import SCORES
from roboreg_core.pruning.features import ROWS
from roboreg_core.pruning.methods import (
    CLUSTERS,
    DEFAULT_METHOD,
    FEATURES,
    KEEPS,
    METHODS,
    NO_CLUSTERS,
    Method,
    compose,
    parse,
)
from roboreg_core.pruning.prune import PruneSpec, prune
from roboreg_core.schedules.schedule import presets


def test_every_name_has_an_implementation() -> None:
    assert set(FEATURES) == set(ROWS)
    assert set(CLUSTERS) == {*CLUSTERINGS, NO_CLUSTERS}
    assert set(SCORES) < set(KEEPS)
    assert DEFAULT_METHOD in METHODS


@pytest.mark.parametrize("name", METHODS)
def test_the_notation_of_a_named_method_is_its_name(name: str) -> None:
    assert parse(name).notation == name
    assert METHODS[name].meaning


def test_a_composition_is_parsed_from_its_notation() -> None:
    method = Method(features="joint", clusters="ward", keep="medoid", repair=("refit", "sum"))
    assert method.notation == "joint/ward/medoid/sum+refit"
    assert parse(method.notation) == method
    assert method.needs_images


def test_parts_replace_those_of_the_method() -> None:
    assert compose("merge", clusters="ward").notation == "filter/ward/centroid/sum"
    assert compose("merge", features="responses", repair="none").notation == "responses/kmeans/centroid/none"
    assert compose("l1", repair="refit").notation == "filter/none/l1/refit"
    assert compose("merge") is METHODS["merge"]


def test_a_composition_that_has_a_name_gets_it() -> None:
    assert compose("source", features="filter", keep="centroid", repair="sum").notation == "merge"
    # Without clusters the features are ignored.
    assert compose("refit", features="raw").notation == "refit"


@pytest.mark.parametrize("name", METHODS)
def test_a_method_needs_images_where_its_result_depends_on_them(
    make_network: Callable[..., ResNet], few_images: Images, name: str
) -> None:
    model, target, spec = make_network(presets()["quarter"]), presets()["aggressive"], PruneSpec(method=name)
    halves = [few_images.take(torch.arange(start, 50, 2), "25 images") for start in (0, 1)]
    first, second = (to_bytes(prune(model, target, spec, calibration=half).model) for half in halves)
    assert (first != second) is METHODS[name].needs_images
    if METHODS[name].needs_images:
        with pytest.raises(SpecError, match="needs training images"):
            prune(model, target, spec)
    else:
        assert to_bytes(prune(model, target, spec).model) == first


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("magic", "method must be one of refit, refit-plus, merge"),
        ("a/b", "features/clusters/keep/repair"),
        ("shape/kmeans/centroid/sum", "features must be one of raw"),
        ("raw/tree/centroid/sum", "clusters must be one of kmeans"),
        ("raw/kmeans/best/sum", "keep must be one of centroid"),
        ("raw/kmeans/centroid/glue", "repair must be one of sum"),
        ("raw/kmeans/centroid/refit+blend", "repair blend needs repair refit and kept filters"),
        ("raw/kmeans/medoid/blend", "repair blend needs repair refit and kept filters"),
        ("raw/none/centroid/sum", "keep centroid needs clusters"),
        ("raw/kmeans/medoid/variance", "variance is for keep centroid"),
    ],
)
def test_incompatible_parts_are_refused(text: str, reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        parse(text)
