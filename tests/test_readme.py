"""The examples and links of README.md and docs/ work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import typer

from roboreg_core.cli.verbs import app
from roboreg_core.paths import PROJECT
from roboreg_core.schedules.schedule import presets

README = PROJECT / "README.md"
DOCUMENTS = [README, *sorted((PROJECT / "docs").glob("*.md"))]
DENSE_ACCURACY = 0.926


def test_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(README, "python")
    names: dict[str, Any] = {}
    exec(compile(code, str(README), "exec"), names)
    assert names["pruned"].schedule == presets()["moderate"]
    assert 0.75 < names["metrics"].accuracy < DENSE_ACCURACY
    session = onnxruntime.InferenceSession("pruned.onnx")
    pixels = names["images"].pixels[:3].numpy()
    (scores,) = session.run(None, {session.get_inputs()[0].name: pixels})
    assert scores.shape == (3, 10)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    verbs = set(typer.main.get_command(app).commands)
    used = re.findall(r"^roboreg (\S+)", "\n".join(blocks(document, "")), re.MULTILINE)
    assert set(used) <= verbs


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text):
        file, _, anchor = "".join(link).partition("#")
        if file.startswith("https:"):
            continue
        target = document.parent / file if file else document
        assert target.is_file(), f"{document.name} links to {file}"
        assert not anchor or anchor in anchors(target), f"{document.name} links to {file}#{anchor}"


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
