"""Run the command line in tests."""

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
    """The command line in this process, because starting another one takes seconds."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path, code: int = 0) -> tuple[str, str]:
        """Standard output and standard error of a command that must end with `code`."""
        self.monkeypatch.setattr(sys, "argv", ["roboreg", *map(str, arguments)])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, error = self.capsys.readouterr()
        assert (ended.value.code or 0) == code, error
        return out, error

    def answer(self, *arguments: str | Path) -> Any:
        """The command's JSON result."""
        return json.loads(self(*arguments, "--json")[0])

    def refusal(self, *arguments: str | Path) -> str:
        """Standard error of a command that must end with code 2."""
        return self(*arguments, code=2)[1]
