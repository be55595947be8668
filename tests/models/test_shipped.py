"""Shipped networks match their cards, and the files that cards name exist."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from roboreg_core import paths
from roboreg_core.models import checkpoints

FILES = sorted(file for folder in (paths.checkpoints(), paths.others()) for file in folder.glob("*.safetensors"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_network_fits_its_card(file: Path) -> None:
    loaded = checkpoints.load(file)  # refuses weights that are not the card's
    card = loaded.card
    assert card["name"] == file.stem
    assert card["environment"]["seconds"] == pytest.approx(sum(epoch["seconds"] for epoch in card["history"]))
    assert len(card["history"]) == card["recipe"]["epochs"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_teacher_is_shipped_and_named_by_the_command(file: Path) -> None:
    card = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    command = shlex.split(card["reproduce"])
    assert ("--teacher" in command) == ("teacher" in card)
    if "teacher" in card:
        named = command[command.index("--teacher") + 1]
        assert checkpoints.load(named).mention == card["teacher"]
