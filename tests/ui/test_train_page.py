"""Train: cards, a new training with its estimate, uploads taken and refused, and the choice on the other pages."""

from __future__ import annotations

import io
import pickle
import urllib.parse
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from streamlit.testing.v1 import AppTest

from roboreg_core.datasets.background_download import STOPPED, DownloadState, DownloadStatus
from roboreg_core.datasets.dataset import CIFAR10
from roboreg_core.models import checkpoints
from roboreg_core.models.normalisation import CHOICES
from roboreg_core.networks import management
from roboreg_core.networks.registry import dense_networks, find
from roboreg_core.networks.spec import NETWORK, TrainingSpec, estimate_seconds
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Job, JobStatus, Record
from roboreg_core.store.store import Store
from roboreg_core.ui import keys, panels
from roboreg_core.ui.design import launcher
from roboreg_core.ui.train import dataset_download
from roboreg_core.wording import fmt, network_facts
from tests import hostile_text
from tests.conftest import random_network
from tests.networks.helpers import keep_network
from tests.ui.conftest import FakeEngine
from tests.ui.test_network_jobs import EPOCH, add
from tests.ui.test_pages import button, click, said

Open = Callable[..., AppTest]
CHOSEN = {"train-epochs": "2", "train-seed": "7"}
SPEC = TrainingSpec(name="any", epochs=2, seed=7, training_set="bundled")


def public_file(seed: int = 5) -> bytes:
    """Weights as the common public option-A ones are saved."""
    state = random_network(seed=seed).state_dict()
    return saved({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}})


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def upload(app: AppTest, name: str, content: bytes) -> None:
    app.file_uploader[0].set_value((name, content, "application/octet-stream")).run()
    assert not app.exception, app.exception[0].message


def links(app: AppTest) -> list[str]:
    """The queries with which Design is opened."""
    return [each.proto.query_string for each in app.get("page_link")]


def trained(store: Store, name: str = "mine") -> Record:
    """A finished training of `SPEC`."""
    kept = keep_network(store, name).record
    assert kept is not None
    spec = replace(SPEC, name=name)
    made = {"recipe": spec.recipe, "training_set": spec.training_set, "seed": spec.seed, "history": [EPOCH]}
    record = replace(kept, id=spec.id, spec=spec.to_json(), result={**kept.result, **made})
    store.put_record(record)
    store.soft_delete_record(kept.id)
    return record


def test_the_shipped_network_alone_is_told_and_cannot_be_changed(open_page: Open, store: Store) -> None:
    (shipped,) = dense_networks(store)
    app = open_page("train")
    text = said(app)
    assert network_facts.accuracy_words(shipped).replace(fmt.NBSP, " ") in text
    assert shipped.sha256[:12] in text
    assert button(app, f"delete-{shipped.sha256[:16]}") is None
    assert links(app) == ["dense=dense"]
    assert not [each for each in open_page("design").selectbox if each.key == keys.BASELINE_NETWORK]


def test_own_networks_are_renamed_deleted_and_brought_back(open_page: Open, store: Store) -> None:
    kept = keep_network(store, "mine")
    assert kept.record is not None
    place = kept.record.id
    app = open_page("train")
    assert "50.00 % (50 test images)" in said(app)
    assert "ImageNet normalisation assumed" in said(app)
    app.session_state[f"more-{place}"] = True
    app.run()
    app.text_input(key=f"name-{place}").set_value("dense")
    click(app, f"rename-{place}")
    assert "taken by another network" in said(app)
    app.session_state[f"more-{place}"] = True
    app.run()
    app.text_input(key=f"name-{place}").set_value("yours")
    click(app, f"rename-{place}")
    assert find(store, "yours").sha256 == kept.sha256
    app.session_state[f"more-{place}"] = True
    app.run()
    click(app, f"delete-{place}")
    assert [each.name for each in dense_networks(store)] == ["dense"]
    assert "Deleted the network" in said(app)
    click(app, keys.UNDO)
    assert find(store, "yours").sha256 == kept.sha256


def test_the_estimate_stands_before_anything_starts(open_page: Open, store: Store) -> None:
    app = open_page("train", **CHOSEN)
    expected = f"Takes about {fmt.duration(estimate_seconds(SPEC, []))} on two CPU cores"
    assert expected.replace(fmt.NBSP, " ") in said(app)
    assert store.list_jobs(NETWORK) == []
    click(app, keys.TRAIN_START)
    (job,) = store.list_jobs(NETWORK)
    assert (job.key, job.spec["name"]) == (SPEC.id, "best-2-epochs-seed-7")
    assert "This training is already queued or running" in said(app)
    assert button(app, keys.TRAIN_START) is None


def test_a_name_that_is_taken_is_refused(open_page: Open, store: Store) -> None:
    keep_network(store, "mine")
    app = open_page("train", **CHOSEN)
    app.text_input(key=keys.TRAIN_NAME).set_value("Mine").run()
    click(app, keys.TRAIN_START)
    assert "taken by another network" in said(app)
    assert store.list_jobs(NETWORK) == []


def test_a_finished_training_is_opened_and_not_repeated(open_page: Open, store: Store) -> None:
    trained(store)
    app = open_page("train", **CHOSEN)
    assert "This network already exists" in said(app)
    assert button(app, keys.TRAIN_START) is None
    assert links(app).count("dense=mine") == 2


def test_a_deleted_training_is_brought_back_and_not_repeated(open_page: Open, store: Store) -> None:
    trained(store)
    management.delete(store, find(store, "mine"))
    app = open_page("train", **CHOSEN)
    assert button(app, keys.TRAIN_START) is None
    click(app, f"restore-training-{SPEC.id}")
    assert find(store, "mine").name == "mine"


def test_what_is_under_way_shows_its_curves_and_can_be_cancelled(
    open_page: Open, store: Store, engine: FakeEngine
) -> None:
    add(store, "t", JobStatus.RUNNING, SPEC)
    store.add_event("t", {"stage": "train", "fraction": 0.5, "epoch": 2, "epochs": 2, "history": EPOCH})
    app = open_page("train")
    assert "After one epoch, validation accuracy is 45.0 %" in said(app)
    (bar,) = app.get("progress")
    assert "Training, epoch 2 of 2" in bar.proto.text
    click(app, "cancel-t")
    assert engine.cancelled == ["t"]


def test_what_was_interrupted_says_so_and_goes_on(open_page: Open, store: Store, engine: FakeEngine) -> None:
    add(store, "t", JobStatus.INTERRUPTED, SPEC)
    store.add_event("t", {"stage": "train", "epoch": 1, "epochs": 2, "history": EPOCH})
    store.set_state("t", b"state")
    app = open_page("train", **CHOSEN)
    assert "interrupted because the app ended after 1 of 2 epochs. It can resume with epoch 2." in said(app)
    assert button(app, keys.TRAIN_START) is None
    click(app, keys.TRAIN_RESUME)
    click(app, "resume-t")
    assert engine.resumed == ["t", "t"]
    click(app, "forget-t")
    assert store.list_jobs(NETWORK) == []


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("harm.th", saved({"state_dict": print}), "asks for code"),
        ("pickle.pt", pickle.dumps(print), "something else than tensors"),
        ("cut.th", public_file()[:50_000], "a damaged or cut-off file"),
        ("cut.safetensors", checkpoints.to_bytes(random_network())[:9_000], "must be a safetensors file"),
        ("empty.pt", b"", "empty"),
    ],
)
def test_an_upload_is_refused_with_the_reason(
    open_page: Open, store: Store, name: str, content: bytes, reason: str
) -> None:
    app = open_page("train")
    upload(app, name, content)
    assert reason in said(app)
    assert "The file was not stored" in said(app)
    assert button(app, keys.TRAIN_UPLOAD) is None
    assert store.list_jobs(NETWORK) == []


def test_an_upload_is_named_and_handed_to_a_job(open_page: Open, store: Store) -> None:
    app = open_page("train")
    content = public_file()
    upload(app, "public weights.th", content)
    assert app.text_input(key=keys.TRAIN_UPLOAD_NAME).value == "public weights"
    app.text_input(key=keys.TRAIN_UPLOAD_NAME).set_value("theirs").run()
    click(app, keys.TRAIN_UPLOAD)
    (job,) = store.list_jobs(NETWORK)
    assert (job.spec["name"], job.spec["origin"]) == ("theirs", "uploaded")
    assert store.artifacts.get(job.inputs["file"]) == content


def test_the_normalisation_of_an_upload_is_chosen_or_requested(open_page: Open, store: Store) -> None:
    app = open_page("train")
    upload(app, "net.ckpt", public_file())
    assert "A dense ResNet-20 with option-A shortcuts." in said(app)
    field = app.selectbox(key=keys.TRAIN_UPLOAD_NORMALISATION)
    assert (field.value, field.options) == ("auto", list(CHOICES))
    field.set_value("cifar10").run()
    click(app, keys.TRAIN_UPLOAD)
    (job,) = store.list_jobs(NETWORK)
    assert job.spec["normalisation"] == "cifar10"


def test_an_upload_of_ours_has_its_own_normalisation(open_page: Open, store: Store) -> None:
    app = open_page("train")
    upload(app, "half.safetensors", checkpoints.to_bytes(random_network(presets()["moderate"])))
    assert "A pruned ResNet-20 with option-A shortcuts." in said(app)
    assert "A pruned network, which runs prune further" in said(app)
    assert [each.key for each in app.selectbox if each.key == keys.TRAIN_UPLOAD_NORMALISATION] == []
    click(app, keys.TRAIN_UPLOAD)
    (job,) = store.list_jobs(NETWORK)
    assert "normalisation" not in job.spec


def test_the_choice_holds_on_design_and_is_what_a_run_starts_from(open_page: Open, store: Store) -> None:
    kept = keep_network(store, "mine")
    app = open_page("design", dense="mine")
    assert app.selectbox(key=keys.BASELINE_NETWORK).value == "mine"
    click(app, keys.START)
    (job,) = store.list_jobs(KIND)
    assert (job.spec["dense"], job.spec["dense_sha256"]) == ("mine", kept.sha256)
    assert "· from mine" in told_label(job)
    app.switch_page("pages/explore.py").run()
    assert app.selectbox(key=keys.BASELINE_NETWORK).value == "mine"
    app.selectbox(key=keys.BASELINE_NETWORK).set_value("dense").run()
    app.switch_page("pages/design.py").run()
    assert app.selectbox(key=keys.BASELINE_NETWORK).value == "dense"


def told_label(job: Job) -> str:
    from roboreg_core.wording import run_facts

    return run_facts.spec_label(job.spec)


@pytest.mark.parametrize("junk", ["nobody", hostile_text.SCRIPT, "é" * 300])
@pytest.mark.parametrize("page", ["design", "explore"])
def test_a_network_that_is_not_there_is_said_and_the_shipped_one_taken(
    open_page: Open, store: Store, page: str, junk: str
) -> None:
    keep_network(store, "mine")
    app = open_page(page, dense=junk)
    assert "No dense network is named" in said(app)
    assert app.selectbox(key=keys.BASELINE_NETWORK).value == "dense"


@pytest.mark.parametrize(
    "query", [{"train-recipe": "x"}, {"train-epochs": "0"}, {"train-seed": "é"}, {"train-images": "full"}]
)
def test_junk_in_the_address_leaves_the_defaults(open_page: Open, query: dict[str, str]) -> None:
    app = open_page("train", **query)
    assert app.radio(key=keys.TRAIN_RECIPE).value == "best"
    assert app.number_input(key=keys.TRAIN_EPOCHS).value == 20
    assert app.number_input(key=keys.TRAIN_SEED).value == 0


@pytest.mark.parametrize("name", hostile_text.NAMES)
def test_names_do_no_harm(open_page: Open, store: Store, name: str) -> None:
    kept = keep_network(store, name.strip()[:80])
    (_, own) = links(open_page("train"))
    assert urllib.parse.parse_qs(own) == {"dense": [kept.name]}
    app = open_page("design", dense=kept.name)
    assert app.selectbox(key=keys.BASELINE_NETWORK).value == kept.name


def only_cifar10(fetch: FakeFetching) -> Callable[..., object]:
    """`fetching` with this download of CIFAR-10; CIFAR-100 is never downloaded."""
    return lambda root, dataset=CIFAR10: fetch if dataset == CIFAR10 else FakeFetching(DownloadState())


class FakeFetching:
    """A fetch that stands where it is put."""

    def __init__(self, state: DownloadState) -> None:
        self.state = state
        self.called: list[str] = []

    def now(self) -> DownloadState:
        return self.state

    def start(self) -> None:
        self.called.append("start")

    def cancel(self) -> None:
        self.called.append("cancel")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (DownloadState(), launcher.IMAGES_WORDS["bundled"]),
        (DownloadState(words=STOPPED), "nothing of the download was kept"),
        (
            DownloadState(status=DownloadStatus.FAILED, reason="CIFAR-10 must be reachable"),
            "CIFAR-10 must be reachable.",
        ),
    ],
)
def test_all_images_are_fetched_when_asked_for(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, now: DownloadState, expected: str
) -> None:
    fetch = FakeFetching(now)
    monkeypatch.setattr(dataset_download, "fetching", only_cifar10(fetch))
    app = open_page("train")
    assert expected in said(app)
    click(app, keys.TRAIN_FETCH)
    assert fetch.called == ["start"]


def test_a_fetch_shows_how_far_it_is_and_then_offers_the_images(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = DownloadState(status=DownloadStatus.RUNNING, done=85_000_000, total=170_000_000, words="Downloading")
    fetch = FakeFetching(running)
    monkeypatch.setattr(dataset_download, "fetching", only_cifar10(fetch))
    app = open_page("train")
    (bar,) = app.get("progress")
    assert (bar.proto.value, bar.proto.text) == (50, panels.escape("Downloading: 85 of 170 MB"))
    click(app, keys.TRAIN_FETCH_STOP)
    assert fetch.called == ["cancel"]
    fetch.state = DownloadState(status=DownloadStatus.DONE)
    app.run()
    assert launcher.IMAGES_WORDS["full"] in said(app)
    (choice,) = [each for each in app.button_group if each.key == keys.TRAIN_IMAGES]
    assert len(choice.options) == 2
