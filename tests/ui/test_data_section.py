"""Data sets on the page of dense networks: cards, upload with report, rename, delete with undo, and training on one."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from roboreg_core import paths
from roboreg_core.architecture import Architecture
from roboreg_core.datasets import background_import, image_inspection, library
from roboreg_core.datasets.background_import import STOPPED, ImportStatus, importing
from roboreg_core.datasets.dataset import Dataset
from roboreg_core.networks.spec import TrainingSpec
from roboreg_core.store.store import Store
from roboreg_core.training.spec import SHORT_EPOCHS
from roboreg_core.ui import html_marks
from roboreg_core.ui.inspect import gallery
from tests.datasets.kept import keep_dataset
from tests.datasets.made_images import classes, zipped
from tests.networks.helpers import keep_network
from tests.ui.conftest import FakeEngine
from tests.ui.test_pages import Open, button, click, said


@pytest.fixture(autouse=True)
def one_import_per_test() -> None:
    importing.cache_clear()


@pytest.fixture
def dataset(store: Store) -> Dataset:
    return keep_dataset("defects", 3)


def upload(app: AppTest, path: Path) -> None:
    field = next(each for each in app.file_uploader if each.key.startswith("zip-"))
    field.set_value((path.name, path.read_bytes(), "application/zip")).run()
    click(app, "data-read")
    importing(paths.home()).wait(60)
    app.run()
    assert not app.exception


def test_a_zip_is_read_reported_and_added(open_page: Open, tmp_path: Path) -> None:
    files = classes(2, 40) | {"class 0/broken.png": b"no picture", "class 1/again.png": classes(2, 40)["class 1/0.png"]}
    app = open_page("train")
    upload(app, zipped(tmp_path / "digits.zip", files))
    text = said(app)
    assert "80 pictures of 2 classes" in text
    assert "Unreadable files, left out: 1" in text.replace("\\", "")
    assert app.text_input(key="data-name").value == "digits"
    app.text_input(key="data-name").set_value("figures").run()
    click(app, "data-add")
    importing(paths.home()).wait(60)
    app.run()
    assert "Added" in said(app)
    (added,) = library.own_datasets()
    assert (added.name, added.n_classes) == ("figures", 2)
    assert button(app, "data-add") is None


def test_a_zip_that_cannot_become_a_data_set_says_why(open_page: Open, tmp_path: Path) -> None:
    app = open_page("train")
    upload(app, zipped(tmp_path / "few.zip", classes(2, 3)))
    assert "must have 40" in said(app)
    assert button(app, "data-add") is None
    click(app, "data-discard")
    upload(app, zipped(tmp_path / "outside.zip", {"../a/b.png": b""}))
    assert button(app, "data-discard") is None
    assert app.error
    assert library.own_datasets() == []


def test_an_import_shows_progress_and_can_be_stopped(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = threading.Event(), threading.Event()

    def slowly(source, size, *, name, on_progress, should_stop):  # type: ignore[no-untyped-def]
        on_progress(7, 80, "Reading pictures")
        reading.set()
        go_on.wait(60)
        if should_stop():
            raise image_inspection.ImportStopped

    monkeypatch.setattr(background_import.image_inspection, "inspect_source", slowly)
    work = importing(paths.home())
    work.read(io.BytesIO(), "digits.zip", 32)
    assert reading.wait(60)
    app = open_page("train")
    (bar,) = app.get("progress")
    assert (bar.value, bar.proto.text.replace("\\", "")) == (8, "Reading pictures: 7 of 80")
    click(app, "data-stop")
    assert work.now().stopping
    go_on.set()
    assert work.wait(60).status is ImportStatus.IDLE
    app.run()
    assert STOPPED in said(app).replace("\\", "")


def test_a_name_that_is_taken_keeps_the_report(open_page: Open, tmp_path: Path, dataset: Dataset) -> None:
    app = open_page("train")
    upload(app, zipped(tmp_path / "digits.zip", classes(2, 40)))
    app.text_input(key="data-name").set_value("Defects").run()
    click(app, "data-add")
    assert "is taken" in said(app)
    assert button(app, "data-add") is not None


def test_a_data_set_is_renamed_deleted_and_brought_back(open_page: Open, dataset: Dataset, store: Store) -> None:
    keep_network(store, "net", architecture=dataset.architecture(), training_set=dataset.id)
    app = open_page("train")
    assert "3 classes; 12 training, 12 validation and 12 test images of 16 × 16 pixels" in said(app)
    app.session_state[f"data-actions-{dataset.id}"] = True
    app.run()
    app.text_input(key=f"data-name-{dataset.id}").set_value("faults")
    click(app, f"data-rename-{dataset.id}")
    assert library.find_dataset("faults").id == dataset.id
    app.session_state[f"data-actions-{dataset.id}"] = True
    app.run()
    click(app, f"data-delete-{dataset.id}")
    assert library.own_datasets() == []
    click(app, "undo-data")
    assert library.own_datasets() == [library.find_dataset("faults")]


def test_a_contact_sheet_shows_each_class(open_page: Open, dataset: Dataset) -> None:
    app = open_page("train")
    app.session_state[f"sheet-{dataset.id}"] = True
    app.run()
    assert not app.exception
    sheet = "".join(each.value for each in app.get("html") if "data:image/png" in str(each.value))
    assert sheet.count("<img") == 12
    assert all(name in sheet for name in dataset.classes)


def test_a_training_takes_data_set_and_architecture(open_page: Open, dataset: Dataset, engine: FakeEngine) -> None:
    chosen = {"train-data": dataset.id, "train-depth": "32", "train-shortcut": "B", "train-recipe": "distilled"}
    app = open_page("train", **chosen)
    assert app.radio(key="train-recipe").options == ["best", "source"]
    assert app.text_input(key="train-name").placeholder == f"defects-resnet32-B-best-{SHORT_EPOCHS}-epochs-seed-0"
    click(app, "train-start")
    spec = TrainingSpec.from_json(engine.store.list_jobs()[0].spec)
    assert (spec.training_set, spec.architecture) == (dataset.id, Architecture(depth=32, shortcut="B"))


def test_design_prunes_a_network_on_the_images_it_was_trained_on(
    open_page: Open, dataset: Dataset, store: Store
) -> None:
    keep_network(store, "net", architecture=dataset.architecture(), training_set=dataset.id)
    app = open_page("design", dense="net")
    assert app.segmented_control(key="images").value == dataset.id
    assert "16 × 16 pixels" in said(app)
    app.selectbox(key="dense").select("dense").run()
    app.run()
    assert app.segmented_control(key="images").value == "bundled"


def test_jobs_of_a_network_use_its_data_set(
    open_page: Open, dataset: Dataset, store: Store, engine: FakeEngine
) -> None:
    network = keep_network(store, "net", architecture=dataset.architecture(), training_set=dataset.id)
    click(open_page("design", dense="net", s="quarter"), "start")
    click(open_page("explore", dense="net"), "sweep-start")
    app = open_page("explore", dense="net", **{"explore-tab": "Search"})
    assert "12 validation images" in said(app)
    click(app, next(each.key for each in app.button if each.key.startswith("measure")))
    assert len(jobs := store.list_jobs()) == 3
    assert {job.spec.get("setting", job.spec)["training_set"] for job in jobs} == {dataset.id}
    assert {job.spec.get("setting", job.spec)["dense_sha256"] for job in jobs} == {network.sha256}


@pytest.mark.parametrize(
    ("size", "shown", "rendering"),
    [(16, 96, "pixelated"), (28, 84, "pixelated"), (64, 64, "pixelated"), (128, 96, "auto")],
)
def test_pictures_are_enlarged_by_whole_numbers(size: int, shown: int, rendering: str) -> None:
    drawn = html_marks.picture("data:,", size, gallery.BOX, "a <b>")
    assert f'width="{shown}" height="{shown}"' in drawn
    assert f"image-rendering:{rendering};" in drawn
    assert "<b>" not in drawn
