from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roboreg_core import paths
from roboreg_core.architecture import Architecture
from roboreg_core.errors import SpecError
from roboreg_core.models.costs import relative_work
from roboreg_core.networks import spec as specs
from roboreg_core.networks.spec import NETWORK, TrainingSpec, UploadSpec, estimate_seconds, spec_of
from roboreg_core.runs import spec as run_spec
from roboreg_core.store.records import Record
from roboreg_core.training.spec import DISTILLED, RECIPES
from tests.architectures import architectures

SPEC = TrainingSpec(name="mine", epochs=4, training_set="bundled")
UPLOAD = UploadSpec.of(b"bytes", "net.pt", "theirs")
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=40)


@given(
    name=NAMES,
    recipe=st.sampled_from(["best", "distilled", "source"]),
    epochs=st.integers(1, 1000),
    seed=st.integers(0, 2**31 - 1),
    batch_size=st.integers(1, 4096),
    training_set=st.sampled_from(["bundled", "full"]),
    device=st.sampled_from(["auto", "cpu", "cuda"]),
    architecture=architectures(),
)
def test_a_training_comes_back_from_json(**fields: Any) -> None:
    spec = TrainingSpec(**fields)
    assert spec_of(spec.to_json()) == spec
    assert spec_of(spec.to_json()).id == spec.id
    trained = spec.training()
    assert (trained.recipe, trained.epochs, trained.seed, trained.batch_size) == (
        spec.recipe,
        spec.epochs,
        spec.seed,
        spec.batch_size,
    )


def test_an_upload_comes_back_from_json() -> None:
    assert spec_of(UPLOAD.to_json()) == UPLOAD
    assert UPLOAD.to_json()["origin"] == "uploaded"


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"name": "other"}, False),
        ({"device": "cpu"}, False),
        ({"epochs": 5}, True),
        ({"seed": 1}, True),
        ({"batch_size": 64}, True),
        ({"recipe": "source"}, True),
        ({"training_set": "full"}, True),
    ],
    ids=str,
)
def test_the_identity_depends_on_everything_that_determines_the_network(change: dict[str, Any], counts: bool) -> None:
    assert (replace(SPEC, **change).id != SPEC.id) is counts
    assert len(SPEC.id) == 16


def test_only_its_bytes_are_an_uploads_identity() -> None:
    assert UploadSpec.of(b"bytes", "other.th", "another").id == UPLOAD.id
    assert UploadSpec.of(b"other", "net.pt", "theirs").id != UPLOAD.id
    assert replace(UploadSpec.of(b"bytes", "net.pt", "theirs"), normalisation="auto").id == UPLOAD.id
    requested = replace(UploadSpec.of(b"bytes", "net.pt", "theirs"), normalisation="half")
    assert requested.id != UPLOAD.id
    assert spec_of(requested.to_json()) == requested
    for data in ("cifar100", "images-0123456789abcdef"):
        other = replace(UPLOAD, training_set=data)
        assert other.id != UPLOAD.id
        assert spec_of(other.to_json()) == other
    assert not {"normalisation", "training_set"} & set(UPLOAD.to_json())
    with pytest.raises(SpecError, match="normalisation must be one of auto, imagenet"):
        replace(UploadSpec.of(b"bytes", "net.pt", "theirs"), normalisation="mine")
    assert len({UPLOAD.id, SPEC.id}) == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": " "}, r"a network's name must have 1\.\.80 characters, got none"),
        ({"name": "a\x00"}, "control characters"),
        ({"epochs": 0}, "epochs must be a whole number 1..1000, got 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"batch_size": 0}, "batch size must be"),
        ({"seed": -1}, "seed must be"),
        ({"recipe": "magic"}, "recipe must be one of best, distilled, source"),
        ({"training_set": "auto"}, "training images must be bundled, full, cifar100"),
        ({"device": "tpu"}, "device must be auto, cpu or cuda"),
    ],
    ids=str,
)
def test_rules_are_kept(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(SpecError, match=reason):
        replace(SPEC, **change)


def test_an_unknown_origin_is_refused() -> None:
    with pytest.raises(SpecError, match="origin must be uploaded, got 'found'"):
        spec_of({**UPLOAD.to_json(), "origin": "found"})


def test_a_distilled_network_is_another_with_another_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = (paths.checkpoints() / "dense.safetensors").read_bytes()
    assert specs.shipped_digest() == hashlib.sha256(shipped).hexdigest()
    # Any recipe that needs a teacher, not the one of that name alone.
    monkeypatch.setitem(RECIPES, "second", lambda *given: replace(DISTILLED(*given), recipe="second"))

    def ids() -> list[str]:
        return [replace(SPEC, recipe=name).id for name in ("distilled", "second", "best", "source")]

    before = ids()
    monkeypatch.setattr(specs, "shipped_digest", lambda: "0" * 64)
    assert [one == other for one, other in zip(before, ids(), strict=True)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("name", "identity"),
    [("best", "8a00b26cbc81242c"), ("distilled", "c2cfd0989e0ed9a9"), ("source", "4ed7bbf2a49e87e7")],
)
def test_identities_stay_those_of_stored_networks(monkeypatch: pytest.MonkeyPatch, name: str, identity: str) -> None:
    monkeypatch.setattr(specs, "shipped_digest", lambda: "0" * 64)
    assert replace(SPEC, recipe=name).id == identity


def test_the_first_estimate_depends_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_spec, "cpu_has_bfloat16", lambda: False)
    slow = estimate_seconds(SPEC)
    assert slow == 5 + 10_000 / 1_500 + 4 * 10_000 / 400
    monkeypatch.setattr(run_spec, "cpu_has_bfloat16", lambda: True)
    assert estimate_seconds(SPEC) < slow / 2


def test_the_estimate_uses_the_newest_measured_speed() -> None:
    def record(kind: str, speed: dict[str, float], *, recorded: bool = False) -> Record:
        return Record(kind=kind, id="a", created="", spec={}, result={"speed": speed}, recorded=recorded)

    network = record(NETWORK, {"train": 100.0, "evaluate": 1_000.0})
    run = record("run", {"train": 1.0, "dense_equivalent": 200.0, "evaluate": 1_000.0})
    plain = estimate_seconds(SPEC)
    assert estimate_seconds(SPEC, [network, run]) == 5 + 10 + 400
    assert estimate_seconds(SPEC, [run, network]) == 5 + 10 + 200
    others = [
        record(NETWORK, {"evaluate": 1.0}),
        record("run", {"evaluate": 1.0, "dense_equivalent": 1}, recorded=True),
    ]
    assert estimate_seconds(SPEC, others) == plain
    assert estimate_seconds(UPLOAD, [network]) == 15
    # A teacher takes a quarter more, whoever was taught.
    taught = replace(network, result={**network.result, "teacher": "dense"})
    assert estimate_seconds(replace(SPEC, recipe="distilled"), [network]) == 5 + 10 + 500
    assert estimate_seconds(SPEC, [taught]) == 5 + 10 + 320


def test_the_default_architecture_is_not_part_of_the_identity() -> None:
    other = replace(SPEC, architecture=Architecture(depth=56, shortcut="B"))
    assert "architecture" not in SPEC.to_json()
    assert other.to_json()["architecture"] == {"depth": 56, "shortcut": "B"}
    assert other.id != SPEC.id
    assert other.command().startswith("python -m roboreg_core train --architecture resnet56-B --recipe best")
    # Classes and image size are those of the images.
    assert replace(SPEC, architecture=Architecture(n_classes=100, image_size=64)) == SPEC


def test_durations_grow_with_the_work_of_the_architecture() -> None:
    deep = replace(SPEC, architecture=Architecture(depth=56))
    work = relative_work(deep.architecture)
    assert work == pytest.approx(3.09, abs=0.01)
    assert 0.9 * work < estimate_seconds(deep) / estimate_seconds(SPEC) < work
    speed = {"train": 100.0, "evaluate": 1_000.0}
    result = {"speed": speed, "architecture": {"depth": 56}}
    record = Record(kind=NETWORK, id="0", created="", spec=deep.to_json(), result=result)
    seconds = SPEC.epochs * 10_000 / speed["train"] + 10_000 / speed["evaluate"]
    fixed = run_spec.FIXED_SECONDS / 3
    assert estimate_seconds(deep, [record]) == pytest.approx(seconds + fixed)
    assert estimate_seconds(SPEC, [record]) == pytest.approx(seconds / work + fixed)
