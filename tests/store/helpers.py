"""Records and jobs with nothing in them but what a test is about, and functions for other processes to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from roboreg_core.store.records import Job, Record

ROOT = Path(__file__).resolve().parents[2]


def record(record_id: str, **changes: Any) -> Record:
    fields = {"kind": "test", "created": "2026-01-01T00:00:00+00:00", "spec": {"a": 1}, "result": {"b": 2.5}}
    return Record(id=record_id, **{**fields, **changes})


def job(job_id: str, **changes: Any) -> Job:
    fields = {"kind": "test", "key": f"key of {job_id}", "function": "module:name", "spec": {"a": [1, 2]}}
    return Job(id=job_id, **{**fields, **changes})


def python(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Run code in another process."""
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, text=True, **options)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()
