"""Train through a real browser: a training cancelled, resumed and used; files uploaded, taken or refused."""

from __future__ import annotations

import io
import os
import pickle
import re
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page, expect

from roboreg_core.models import checkpoints
from roboreg_core.networks import registry
from roboreg_core.networks.spec import NETWORK
from roboreg_core.runs.spec import KIND
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from tests.browser.conftest import App, until
from tests.models import hostile_files

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LOAD_MS, WORK_MS = 180_000, 600_000
# Small batches: the second epoch lasts long enough to be cancelled in it.
TRAINING = "?train-epochs=2&train-batch=32&train-seed=7"


@pytest.fixture(scope="module")
def app(small_app: App) -> App:
    return small_app


def open_train(page: Page, app: App, query: str = "") -> None:
    page.goto(f"{app.address}/train{query}")
    expect(page.locator(".st-key-train-start button, .st-key-train-use a")).to_be_visible(timeout=LOAD_MS)


def public_weights() -> dict[str, torch.Tensor]:
    """The shipped network as the common public option-A weights are saved, its head a little moved: another network."""
    state = checkpoints.load("dense").model.state_dict()
    state["linear.bias"] = state["linear.bias"] + 0.01 * torch.arange(10)
    return {f"module.{name}": tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def saved(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def test_a_training_is_cancelled_resumed_and_used(page: Page, app: App) -> None:
    open_train(page, app, TRAINING)
    new = page.locator(".st-key-train-new")
    expect(new).to_contain_text(re.compile("Takes about .* on two CPU cores"))
    page.locator(".st-key-train-start button").click()
    store = Store(app.home)
    card = page.locator("[class*='st-key-job-']").first
    expect(card).to_contain_text("epoch 2 of 2", timeout=WORK_MS)
    card.locator("[class*='st-key-cancel-'] button").click()
    expect(page.get_by_text(re.compile("cancelled after 1 of 2.epochs. It can resume with epoch 2"))).to_be_visible(
        timeout=WORK_MS
    )
    expect(card).to_contain_text("After one epoch, validation accuracy is")
    expect(card.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    until(lambda: store.list_jobs(NETWORK)[0].status.is_ended)
    job = store.list_jobs(NETWORK)[0]
    assert job.status is JobStatus.CANCELLED
    assert job.state is not None
    assert store.list_records(NETWORK) == []
    # The fields offer the same: nothing is begun anew.
    page.locator(".st-key-train-resume button").click()
    network = page.locator(f".st-key-network-{job.key}")
    expect(network).to_contain_text(re.compile(r"\d.% .*2,000.* images"), timeout=WORK_MS)
    until(lambda: store.list_records(NETWORK))
    made = registry.find(store, "best-2-epochs-seed-7")
    assert made.record is not None
    assert [epoch["epoch"] for epoch in made.record.result["history"]] == [1, 2]
    # The same again is opened, not done again.
    page.locator(".st-key-train-use a").click()
    expect(page).to_have_url(re.compile("design.*dense=best-2-epochs-seed-7"))
    expect(page.locator(".st-key-dense input")).to_have_value(re.compile("^best-2-epochs-seed-7 "), timeout=LOAD_MS)
    expect(page.locator(".st-key-preview")).to_contain_text(re.compile("dense .*%"), timeout=LOAD_MS)
    store.close()


def test_public_weights_are_uploaded_and_pruned(page: Page, app: App) -> None:
    open_train(page, app)
    file = {
        "name": "public.th",
        "mimeType": "application/octet-stream",
        "buffer": saved({"state_dict": public_weights()}),
    }
    page.locator(".st-key-train-upload-part input[type=file]").set_input_files(files=[file])  # type: ignore[list-item]
    expect(page.get_by_text("A dense ResNet-20 with option-A shortcuts.")).to_be_visible()
    page.locator(".st-key-train-upload button").click()
    store = Store(app.home)
    card = page.locator("[class*='st-key-network-']", has_text="public").first
    expect(card).to_contain_text(re.compile(r"9\d\.\d\d.% .*2,000.* images"), timeout=WORK_MS)
    until(lambda: store.list_records(NETWORK))
    made = registry.find(store, "public")
    card.locator("[class*='st-key-use-'] a").click()
    expect(page.locator(".st-key-dense input")).to_have_value(re.compile("^public "), timeout=LOAD_MS)
    field = page.locator(".st-key-epochs input")
    field.fill("0")
    field.press("Enter")
    expect(page).to_have_url(re.compile("epochs=0"))
    page.locator(".st-key-start button").click()
    page.locator(".st-key-open-run button").click(timeout=WORK_MS)
    expect(page.locator(".st-key-run-picker input")).to_have_value(re.compile("from public"))
    assert [run.spec["dense_sha256"] for run in store.list_records(KIND)] == [made.sha256]
    store.close()


def test_what_is_no_dense_resnet_20_is_refused_and_nothing_is_run(page: Page, app: App, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "harmed"),)

    state = public_weights()
    deep = state | {  # nine blocks in each stage but the last
        name.replace(".2.", f".{block}.", 1): tensor
        for block in range(3, 9)
        for name, tensor in state.items()
        if name.startswith(("module.layer1.2.", "module.layer2.2."))
    }
    whole = checkpoints.load("dense").content
    hostile = hostile_files.metadata() | hostile_files.bombs()
    refused = {
        "harm.pt": (pickle.dumps(Harm()), "something else than tensors"),
        "harm.th": (saved({"state_dict": Harm()}), "asks for code (posix.mkdir), which is never run"),
        "cut.safetensors": (whole[: len(whole) // 2], "must be a safetensors file"),
        "cut.th": (saved(public_weights())[:100_000], "a damaged or cut-off file"),
        "deep.th": (saved(deep), "the same number of blocks in each of 3 stages, got 9, 9, 3"),
        "empty.pt": (b"", "empty"),
        "complex.pt": (saved(state | {"module.linear.bias": torch.zeros(10, dtype=torch.complex64)}), "complex64"),
        "variances.pt": (saved(state | {"module.bn1.running_var": -torch.ones(16)}), "variances of at least 0"),
        "deep.safetensors": (hostile["metadata: nested 100,000 deep.safetensors"](), "nested too deeply"),
        "bytes.pt": (hostile["bytearray of 2.6 GB.pt"](), "asks for code"),
    }
    store = Store(app.home)
    before = len(store.list_jobs(NETWORK))
    open_train(page, app)
    part = page.locator(".st-key-train-upload-part")
    for name, (content, reason) in refused.items():
        path = tmp_path / name
        path.write_bytes(content)
        part.locator("input[type=file]").set_input_files(path)
        expect(part.get_by_test_id("stAlert")).to_contain_text(reason)
        expect(part).to_contain_text("The file was not stored")
        expect(part.locator(".st-key-train-upload")).to_have_count(0)
    large = tmp_path / "large.pt"
    with large.open("wb") as file:
        file.truncate(500 * 2**20)
    part.locator("input[type=file]").set_input_files(large)
    expect(part).to_contain_text(re.compile("64.*MB"))
    expect(part).to_contain_text("File must be 64.0MB or smaller")
    assert not (tmp_path / "harmed").exists()
    assert len(store.list_jobs(NETWORK)) == before
    store.close()
