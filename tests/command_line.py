"""The command line as tests call it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from roboreg_core.cli import main


@dataclass
class CommandLine:
    """The command line in this process: starting another one takes seconds."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path, code: int = 0) -> tuple[str, str]:
        """What it writes to standard output and to standard error, ending with this code."""
        self.monkeypatch.setattr(sys, "argv", ["roboreg", *map(str, arguments)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, error = self.capsys.readouterr()
        assert (ended.value.code or 0) == code, error
        return out, error

    def answer(self, *arguments: str | Path) -> Any:
        """The JSON object that it answers."""
        return json.loads(self(*arguments, "--json")[0])

    def refusal(self, *arguments: str | Path) -> str:
        """What it says where it ends with code 2."""
        return self(*arguments, code=2)[1]
