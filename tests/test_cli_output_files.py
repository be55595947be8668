"""Files that verbs write are tried before the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from roboreg_core.cli import export_verb, prune_options
from roboreg_core.datasets import sources
from roboreg_core.report import html_report
from tests.command_line import CommandLine


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr(prune_options, "load_network", refuse)
    monkeypatch.setattr(export_verb, "_export", refuse)
    monkeypatch.setattr(html_report, "report_html", refuse)
    monkeypatch.setattr(sources, "training_images", refuse)


@pytest.mark.parametrize(
    "arguments",
    [
        ("prune", "moderate", "--out"),
        ("train", "--epochs", "1", "--out"),
        ("report", "ff71755735b5bd1c", "--out"),
        ("export", "dense", "--onnx"),
    ],
)
def test_an_output_file_that_cannot_be_written_is_refused_before_the_work(
    command: CommandLine, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file" / "deeper" / "result", tmp_path / "file" / "result"):
        assert f"cannot write {out}" in command.refusal(*arguments, out)
    folder = tmp_path / "folder.safetensors"
    folder.mkdir()
    assert f"cannot write {folder} (Is a directory)" in command.refusal(*arguments, folder)
    assert {path.name for path in tmp_path.iterdir()} >= {"file", "folder.safetensors"}
    assert list(folder.iterdir()) == []
