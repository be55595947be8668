from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roboreg_core import paths
from roboreg_core.architecture import RESNET20, Architecture
from roboreg_core.errors import CheckpointError, SpecError, StoreError
from roboreg_core.models import checkpoints
from roboreg_core.networks import management
from roboreg_core.networks.registry import DenseNetwork, checkpoint_of, dense_networks, find
from roboreg_core.networks.spec import NETWORK, TrainingSpec
from roboreg_core.runs.dense_network import shipped_content
from roboreg_core.schedules.schedule import dense_schedule
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.store import Store
from tests.conftest import random_network

Put = Callable[..., DenseNetwork]


def names(store: Store) -> list[str]:
    return [each.name for each in dense_networks(store)]


def test_the_shipped_network_comes_with_what_its_card_says(store: Store) -> None:
    card = json.loads((paths.checkpoints() / "dense.json").read_text())
    (dense,) = dense_networks(store)
    assert (dense.name, dense.origin, dense.record) == ("dense", "shipped", None)
    assert (dense.sha256, dense.accuracy, dense.images) == (card["sha256"], card["accuracy"]["test"], 10_000)
    recipe = card["recipe"]
    assert (dense.recipe, dense.epochs, dense.seed) == (recipe["recipe"], recipe["epochs"], card["seed"])
    assert dense.training_set == "full"
    assert checkpoint_of(dense, store).sha256 == dense.sha256


def test_other_networks_that_ship_are_found_but_not_offered(store: Store, put: Put) -> None:
    card = json.loads((paths.others() / "best-90-seed0.json").read_text())
    assert names(store) == ["dense"]
    for text in ("best-90-seed0", card["sha256"][:8]):
        found = find(store, text)
        assert (found.name, found.sha256, found.record) == ("best-90-seed0", card["sha256"], None)
        assert checkpoint_of(found, store).sha256 == card["sha256"]
    assert shipped_content(card["sha256"]) == (paths.others() / "best-90-seed0.safetensors").read_bytes()
    own = put("best-90-seed0")
    assert find(store, "best-90-seed0").sha256 == own.sha256 != card["sha256"]


def test_a_network_without_a_card_is_there_all_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(paths.checkpoints() / "dense.safetensors", tmp_path / "bare.safetensors")
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path)
    (bare,) = dense_networks(store)
    assert (bare.name, bare.accuracy, bare.recipe, bare.seed) == ("bare", None, "", None)
    assert checkpoint_of(bare, store).sha256 == bare.sha256


def test_your_networks_follow_newest_first(store: Store, put: Put) -> None:
    put("second", 2, "2026-02-02T00:00:00+00:00")
    put("first", 1, "2026-02-01T00:00:00+00:00")
    put("third", 3, "2026-02-03T00:00:00+00:00")
    assert names(store) == ["dense", "third", "second", "first"]


def test_listing_networks_does_not_import_torch(home: Path) -> None:
    script = """
import sys
from pathlib import Path
from roboreg_core.store.store import Store
from roboreg_core.models.file_formats import check_size
from roboreg_core.networks import management, registry, spec, start, uploaded_weights
registry.find(Store(Path(sys.argv[1])), "dense")
check_size(1)
assert not {"torch", "numpy", "pandas", "sklearn"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script, home], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_networks_are_found_by_name_and_by_digest(store: Store, put: Put) -> None:
    mine = put("My Net")
    assert find(store, "my  net") == mine
    assert find(store, mine.sha256[:6].upper()) == mine
    assert find(store, "dense").origin == "shipped"
    with pytest.raises(CheckpointError, match=r"no network has the name .* 'other': there are 'dense', 'My Net'"):
        find(store, "other")
    with pytest.raises(CheckpointError, match="no network has"):
        find(store, mine.sha256[:5])


def test_networks_with_the_same_name_get_a_number(store: Store, put: Put) -> None:
    older = put("same", 1, "2026-02-01T00:00:00+00:00")
    newer = put("Same", 2, "2026-02-02T00:00:00+00:00")
    put("DENSE", 3, "2026-01-01T00:00:00+00:00")
    assert names(store) == ["dense", "Same (2)", "same", "DENSE (2)"]
    assert find(store, "same").sha256 == older.sha256
    assert find(store, "same (2)").sha256 == newer.sha256
    assert checkpoint_of(find(store, "same (2)"), store).name == "Same (2)"


def test_a_rename_keeps_everything_else(store: Store, put: Put) -> None:
    mine, before = put("mine"), put("other", 2)
    renamed = management.rename(store, mine, "  yours ")
    assert renamed.name == "yours"
    assert replace(renamed, name="mine", record=None) == replace(mine, record=None)
    assert find(store, "yours") == renamed
    assert management.rename(store, renamed, "YOURS").name == "YOURS", "its own name is not taken"
    for taken in ("Other", "dense"):
        with pytest.raises(StoreError, match=f"the name {taken!r} is taken by another network: choose another name"):
            management.rename(store, renamed, taken)
    with pytest.raises(SpecError, match="got none"):
        management.rename(store, renamed, " ")
    assert checkpoint_of(renamed, store).sha256 == mine.sha256
    assert find(store, "other") == before


def test_a_deleted_network_is_restored(store: Store, put: Put) -> None:
    mine = put("mine")
    assert mine.record is not None
    management.delete(store, mine)
    assert names(store) == ["dense"]
    assert [each.record.id for each in management.deleted(store)] == [mine.record.id]
    with pytest.raises(StoreError, match="was deleted meanwhile"):
        management.rename(store, mine, "yours")
    assert management.find_deleted(store, "MINE").id == mine.record.id
    assert management.restore(store, mine.record.id) == mine
    assert checkpoint_of(find(store, "mine"), store).sha256 == mine.sha256
    with pytest.raises(StoreError, match="no deleted network has the name or id 'mine'; deleted: none"):
        management.find_deleted(store, "mine")


def test_a_restored_network_gets_a_number_if_its_name_is_taken(store: Store, put: Put) -> None:
    mine = put("mine")
    assert mine.record is not None
    management.delete(store, mine)
    put("Mine", 2)
    assert management.restore(store, mine.record.id).name == "mine (2)"
    assert find(store, "mine (2)").sha256 == mine.sha256


def test_shipped_networks_cannot_be_changed(store: Store) -> None:
    (dense,) = dense_networks(store)
    for act in (lambda: management.delete(store, dense), lambda: management.rename(store, dense, "other")):
        with pytest.raises(StoreError, match="is the example network: only your networks can be changed"):
            act()


def test_an_unfinished_job_reserves_its_name(store: Store) -> None:
    spec = TrainingSpec(name="soon", epochs=1, training_set="bundled")
    job = Job(id="a", kind=NETWORK, key=spec.id, function="f:g", spec=spec.to_json(), created="2026-01-01")
    store.add_job(job)
    assert management.unused_name(store, "SOON") == "SOON (2)"
    assert management.check_name(store, "soon", except_id=spec.id) == "soon"
    with pytest.raises(StoreError, match="the name 'soon' is taken"):
        management.check_name(store, "soon")
    store.update_job("a", status=JobStatus.FAILED)
    assert management.unused_name(store, "soon") == "soon"
    assert management.unused_name(store, "dense") == "dense (2)"


def test_the_architecture_is_a_fact_unless_it_is_the_default(store: Store, tmp_path: Path, monkeypatch) -> None:
    architecture = Architecture(depth=14, base_width=4, shortcut="B")
    checkpoints.save(tmp_path / "deep.safetensors", random_network(dense_schedule(architecture)))
    monkeypatch.setattr(paths, "checkpoints", lambda: tmp_path)
    (deep,) = dense_networks(store)
    assert deep.architecture == checkpoint_of(deep, store).model.architecture == architecture
    assert deep.to_json()["architecture"] == architecture.to_json()
    (tmp_path / "deep.json").write_text(json.dumps({"architecture": {"depth": "14"}}))
    assert dense_networks(store)[0].architecture == RESNET20
    assert "architecture" not in dense_networks(store)[0].to_json()
