"""Jobs that make networks, on the Jobs page beside those that make runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from streamlit.testing.v1 import AppTest

from roboreg_core.networks import management
from roboreg_core.networks.registry import find
from roboreg_core.networks.spec import NETWORK, TrainingSpec, UploadSpec
from roboreg_core.store.records import Job, JobStatus
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store
from tests.networks.helpers import keep_network
from tests.ui.conftest import FakeEngine
from tests.ui.test_pages import click, said

Open = Callable[..., AppTest]
SPEC = TrainingSpec(name="my *net*", epochs=2, training_set="bundled")
EPOCH = {
    "epoch": 1,
    "loss": 1.5,
    "accuracy": 0.4,
    "learning_rate": 0.1,
    "seconds": 20.0,
    "validation_loss": 1.4,
    "validation_accuracy": 0.45,
}


def add(store: Store, name: str, status: JobStatus, spec: TrainingSpec | UploadSpec = SPEC, **changes: object) -> None:
    job = Job(
        id=name,
        kind=NETWORK,
        key=spec.id,
        function="f:g",
        spec=spec.to_json(),
        created=now(),
        owner="test",
        lane="device",
    )
    store.add_job(job)
    store.update_job(name, status=status, **changes)


def test_a_training_shows_how_far_it_is_and_can_be_cancelled(
    open_page: Open, store: Store, engine: FakeEngine, add_job: Callable[..., Job]
) -> None:
    add(store, "t", JobStatus.RUNNING)
    store.add_event("t", {"stage": "train", "fraction": 0.5, "epoch": 1, "epochs": 2, "history": EPOCH})
    store.add_event("t", {"stage": "train", "fraction": 0.6, "remaining_seconds": 30.0, "epoch": 2, "epochs": 2})
    add_job("q", JobStatus.QUEUED)
    app = open_page("jobs")
    text = said(app)
    assert r"Network my \*net\* · recipe best · 2 epochs · 10,000 images · seed 0 is running, 60 % done" in text
    assert "1 run waiting." in text
    assert any("Epoch 1 of 2 done: loss 1.5000" in each.value for each in app.code)
    (bar,) = [each for each in app.get("progress") if each.proto.value == 60]
    assert bar.proto.text.replace("\u00a0", " ") == "Training, epoch 2 of 2 · 60 % · about 30 s left"
    click(app, "cancel-t")
    assert engine.cancelled == ["t"]


def test_a_cancelled_one_can_be_resumed_and_a_refused_upload_says_why(
    open_page: Open, store: Store, engine: FakeEngine
) -> None:
    add(store, "c", JobStatus.CANCELLED)
    store.set_state("c", b"state")
    upload = UploadSpec.of(b"no network", "evil.pt", "evil")
    add(store, "u", JobStatus.FAILED, upload, error="evil.pt must be a plain PyTorch state dict")
    app = open_page("jobs")
    assert "Network evil · from evil.pt" in said(app)
    assert "Evil.pt must be a plain PyTorch state dict." in said(app)
    labels = {each.key: each.label for each in app.button}
    assert (labels["resume-c"], labels["resume-u"]) == ("Resume", "Try again")
    click(app, "resume-c")
    assert engine.resumed == ["c"]


def test_a_finished_one_leads_to_design_under_its_present_name(open_page: Open, store: Store) -> None:
    kept = keep_network(store, "mine")
    assert kept.record is not None
    spec = UploadSpec.from_json(kept.record.spec)
    add(store, "f", JobStatus.FINISHED, spec)
    management.rename(store, kept, "yours")
    app = open_page("jobs")
    assert "Network yours\\: test accuracy 50.00 % (50 test images)." in said(app)
    (link,) = [each for each in app.get("page_link") if each.proto.label == "Prune it in Design"]
    assert link.proto.query_string == "dense=yours"
    management.delete(store, find(store, "yours"))
    app.run()
    assert "The network was deleted." in said(app)


def test_networks_alone_are_counted_as_jobs(open_page: Open, store: Store) -> None:
    add(store, "a", JobStatus.QUEUED)
    add(store, "b", JobStatus.QUEUED, replace(SPEC, seed=1))
    assert "2 jobs waiting for the worker to start." in said(open_page("jobs"))
