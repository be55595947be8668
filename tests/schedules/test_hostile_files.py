"""Malformed schedule files are refused with one line by the verbs and by the upload on Design."""

from __future__ import annotations

from pathlib import Path

import pytest

from roboreg_core.architecture import RESNET20
from roboreg_core.errors import ScheduleError
from roboreg_core.ui.design.json_files import read_schedule
from tests.command_line import CommandLine

HEAD = b'{"format": "roboreg-schedules", "version": 1, "schedules": '
FILES = {
    "nothing": b"",
    "one byte": b"{",
    "no UTF-8": b'{"format": "\xff"}',
    "nested lists": HEAD + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested objects": b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
    "a key twice": HEAD + b'[], "version": 1}',
    "a count of 5,000 digits": HEAD + b'[{"name": "a", "schedule": [' + b"9" * 5_000 + b"]}]}",
    "a version of 30 digits": b'{"format": "roboreg-schedules", "version": ' + b"1" * 30 + b', "schedules": []}',
    "an infinite count": HEAD + b'[{"name": "a", "schedule": [1e999, 8, 8, 16, 16, 16, 32, 32, 32]}]}',
    "a true count": HEAD + b'[{"name": "a", "schedule": [true, 8, 8, 16, 16, 16, 32, 32, 32]}]}',
    "a name of 1 MB": HEAD + b'[{"name": "' + b"x" * 1_000_000 + b'", "schedule": [8, 8, 8, 16, 16, 16, 32, 32, 32]}]}',
    "an unpaired surrogate": HEAD + b'[{"name": "\\ud800", "schedule": [8, 8, 8, 16, 16, 16, 32, 32, 32]}]}',
    "5 MB": HEAD + b" " * 5_000_000 + b"[]}",
    "no entries": HEAD + b"[]}",
    "entries of numbers": HEAD + b"[1, 2]}",
}


@pytest.mark.parametrize("name", FILES)
def test_a_malformed_file_is_refused_with_one_line(roboreg: CommandLine, tmp_path: Path, name: str) -> None:
    file = tmp_path / "schedules.json"
    file.write_bytes(FILES[name])
    for verb in (("schedules", "import", file), ("sweep", "--list", file)):
        error = roboreg.refusal(*verb)
        assert error.count("\n") == 1
        assert len(error) < 1_100
    assert roboreg.answer("schedules", "list") == {"schedules": []}
    with pytest.raises(ScheduleError):
        read_schedule(FILES[name], RESNET20)
