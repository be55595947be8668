"""A network trained on an imported data set has its classes, size and normalisation, and leads back to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roboreg_core.datasets import library
from roboreg_core.datasets.dataset import Dataset
from roboreg_core.datasets.image_import import import_images
from roboreg_core.datasets.image_inspection import inspect_source
from roboreg_core.errors import DataError
from roboreg_core.networks.registry import checkpoint_of, dense_networks
from roboreg_core.networks.spec import TrainingSpec, UploadSpec, estimate_seconds
from roboreg_core.networks.start import make
from roboreg_core.runs.spec import spec_for
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.store import Store
from roboreg_core.wording import network_facts
from tests.datasets.made_images import classes, write

SPEC = TrainingSpec(name="mine", epochs=1, training_set="images-" + 16 * "0", batch_size=16, device="cpu")


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return import_images(inspect_source(write(tmp_path / "defects", classes(3, 20)), 16))


def test_a_network_of_own_images(dataset: Dataset, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    network = make(store, replace(SPEC, training_set=dataset.id))
    assert (network.training_set, network.images) == (dataset.id, dataset.test)
    assert "defects" in network_facts.origin_words(network)
    loaded = checkpoint_of(network, store)
    architecture = loaded.model.architecture
    assert (architecture.n_classes, architecture.image_size) == (3, 16)
    assert (loaded.model.normalisation.mean, loaded.model.normalisation.std) == (dataset.mean, dataset.std)
    assert loaded.card["training_set"] == dataset.id
    assert f"--data {dataset.id}" in loaded.card["reproduce"]
    assert library.users_of(dataset, store) == {"network": 1}
    with pytest.raises(DataError, match="data set that it was trained on"):
        spec_for(presets()["moderate"], loaded, "bundled")
    [shipped] = [each for each in dense_networks(store) if each.record is None]
    assert "training_set" not in checkpoint_of(shipped, store).card


def test_an_upload_is_measured_on_its_data_set(dataset: Dataset, tmp_path: Path) -> None:
    store = Store(tmp_path / "home")
    content = checkpoint_of(make(store, replace(SPEC, training_set=dataset.id)), store).content
    spec = UploadSpec.of(content, "mine.safetensors", "uploaded")
    with pytest.raises(DataError, match="the network must be for the data set's 10 classes"):
        make(store, spec, content)
    network = make(store, replace(spec, training_set=dataset.id), content)
    assert (network.training_set, network.images) == (dataset.id, dataset.test)
    assert checkpoint_of(network, store).card["training_set"] == dataset.id
    assert library.users_of(dataset, store) == {"network": 2}


def test_the_estimate_follows_the_number_of_images(dataset: Dataset) -> None:
    own, bundled = replace(SPEC, training_set=dataset.id, epochs=100), replace(SPEC, training_set="bundled", epochs=100)
    assert estimate_seconds(own) < estimate_seconds(bundled) / 10


def test_each_training_set_gives_another_id_and_those_of_cifar10_are_unchanged() -> None:
    ids = {replace(SPEC, training_set=name).id for name in ("bundled", "full", "cifar100", SPEC.training_set)}
    assert len(ids) == 4
    assert replace(SPEC, training_set="bundled").id == "bdc2fbde09eb3271"
