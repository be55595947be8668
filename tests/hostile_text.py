"""Texts that break careless pages and files: markup, quotes, emoji, right-to-left text, control signs, great length."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import homes
from roboreg_core.networks.spec import NETWORK
from roboreg_core.runs.spec import KIND
from roboreg_core.schedules.saved_schedules import ScheduleDraft, save
from roboreg_core.schedules.schedule import presets
from roboreg_core.store.records import Job
from roboreg_core.store.row_mapping import now
from roboreg_core.store.store import Store
from tests.networks.helpers import keep_network

SCRIPT = "<script>window.harmed=1;alert(1)</script><img src=x onerror='window.harmed=1'>"
QUOTES = "\"'`};--></style></title><b id=injected>"
MARKDOWN = "[x](javascript:alert(1)) **b** $x^2$ :material/home: :red[r] ![i](https://example.org/i.png)"
RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627"
EMOJI = "\U0001f469\u200d\U0001f52c\U0001f3f3\ufe0f\u200d\U0001f308"
LONG = "x" * 10_000
ALL = f"{SCRIPT}{QUOTES}{MARKDOWN} \u202e{RIGHT_TO_LEFT}\u202c {EMOJI} {LONG}"
# What a person may give as a name is shorter and has no invisible signs.
NAMES = (SCRIPT, QUOTES + EMOJI, MARKDOWN[:80], f"{RIGHT_TO_LEFT} {EMOJI}")


def fill(store: Store) -> list[str]:
    """Runs whose settings hold such texts, saved schedules, networks and ended jobs; ids of the runs."""
    runs = homes.add_runs(store, 3)
    for run, text in zip(runs, (ALL, QUOTES + MARKDOWN, RIGHT_TO_LEFT + SCRIPT), strict=True):
        record = next(each for each in store.list_records(KIND) if each.id == run)
        result = record.result
        spec = {**record.spec, "method": text, "dense": text, "preset": text, "note": text}
        changed = {
            "command": f"python -m roboreg_core run --from {text}",
            "pruning": {**result["pruning"], "notes": [text]},
            "images": {**result["images"], "training": text},
            "environment": {**result["environment"], "device": text, "machine": text},
        }
        store.put_record(replace(record, spec=spec, result={**result, **changed}))
        failed = Job(
            id=f"job-{run}", kind=KIND, key=f"key-{run}", function="f:g", spec=spec, created=now(), owner="none"
        )
        store.add_job(failed)
        store.update_job(failed.id, status="failed", error=text, progress={"stage": text, "fraction": 0.5})
    seen = "".join(char for char in ALL if char not in "\u202e\u202c")[:2_000]
    for name in NAMES:
        tags = (name.replace(",", "")[:30].strip(),)
        save(store, ScheduleDraft(name=name.strip(), schedule=presets()["quarter"], note=seen, tags=tags))
    for seed, name in enumerate(NAMES):
        network = keep_network(store, name.strip(), seed=seed + 1).record
        assert network is not None
        reported = {**network.result, "notes": [ALL], "recipe": ALL}
        store.put_record(replace(network, spec={**network.spec, "file_name": ALL}, result=reported))
        stopped = Job(
            id=f"job-{network.id}",
            kind=NETWORK,
            key=f"key-{seed}",
            function="f:g",
            spec=network.spec,
            created=now(),
            owner="none",
        )
        store.add_job(stopped)
        store.update_job(stopped.id, status="failed", error=ALL, progress={"stage": ALL, "fraction": 0.5})
    return runs
