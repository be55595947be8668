"""Jobs and their events."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from roboreg_core.errors import StoreError
from roboreg_core.store.owners import new_owner, process_lives, same_process
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from tests.store.helpers import files, job, python, record


def test_a_job_comes_back_as_it_was_added(store: Store) -> None:
    weights = store.artifacts.put(b"weights")
    added = job("a", inputs={"weights": weights}, owner="me", created="2026-01-01", lane="light")
    assert store.add_job(added) == added
    assert store.get_job("a") == added
    assert store.get_job("b") is None


def test_jobs_are_listed_newest_first(store: Store) -> None:
    for name in ("a", "b"):
        store.add_job(job(name))
    store.add_job(job("c", kind="other"))
    assert [each.id for each in store.list_jobs()] == ["c", "b", "a"]
    assert [each.id for each in store.list_jobs("test")] == ["b", "a"]


def test_lists_of_jobs_are_chosen_by_key_and_end_and_limited(store: Store) -> None:
    statuses = [JobStatus.FINISHED, JobStatus.QUEUED, JobStatus.FAILED, JobStatus.RUNNING]
    for name, status in zip("abcd", statuses, strict=True):
        store.add_job(job(name, status=status, kind="other" if name == "d" else "test"))
    assert [each.id for each in store.list_jobs(ended=True)] == ["c", "a"]
    assert [each.id for each in store.list_jobs(ended=False)] == ["d", "b"]
    assert [each.id for each in store.list_jobs("test", ended=False)] == ["b"]
    assert [each.id for each in store.list_jobs(newest=3)] == ["d", "c", "b"]
    assert [each.id for each in store.list_jobs(key="key of a")] == ["a"]
    assert (store.count_jobs(), store.count_jobs("test"), store.count_jobs("test", ended=True)) == (4, 3, 2)


def test_there_is_one_unfinished_job_a_key(store: Store) -> None:
    first = store.add_job(job("a", key="k"))
    assert store.add_job(job("b", key="k")) == first
    assert store.active_job_for("k") == first
    store.update_job("a", status=JobStatus.FAILED)
    assert store.active_job_for("k") is None
    assert store.add_job(job("b", key="k")).id == "b"
    with pytest.raises(StoreError, match="already making the same record"):
        store.claim_job("a", "me")


def test_fields_change_and_others_cannot(store: Store) -> None:
    store.add_job(job("a"))
    changed = store.update_job("a", status=JobStatus.RUNNING, attempts=2, progress={"x": 1})
    assert store.get_job("a") == changed
    assert (changed.status, changed.attempts, changed.progress) == (JobStatus.RUNNING, 2, {"x": 1})
    with pytest.raises(StoreError, match="a job's key, state cannot be changed"):
        store.update_job("a", state="x", key="y")
    with pytest.raises(StoreError, match="no job b"):
        store.update_job("b", attempts=1)


def test_finishing_keeps_record_and_artefacts_and_drops_the_state(store: Store) -> None:
    store.add_job(job("a", key="k"))
    store.set_state("a", b"state")
    kept = store.finish_job("a", record("k"), {"weights": b"weights"})
    assert store.get_record("k") == kept
    assert kept.result == {"b": 2.5, "artifacts": {"weights": store.artifacts.put(b"weights")}}
    finished = store.get_job("a")
    assert finished is not None
    assert (finished.status, finished.state) == (JobStatus.FINISHED, None)
    assert files(store.artifacts.folder) == set(kept.result["artifacts"].values())


def test_a_finish_that_fails_changes_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add_job(job("a", key="k"))
    store.set_state("a", b"state")
    before = store.get_job("a")
    with pytest.raises(StoreError, match="only JSON"):
        store.finish_job("a", record("k", result={"x": object()}), {"weights": b"weights"})
    assert store.get_record("k") is None
    assert store.get_job("a") == before


def test_only_the_newest_state_is_kept(store: Store) -> None:
    store.add_job(job("a"))
    store.add_job(job("b"))
    store.set_state("a", b"one")
    store.set_state("b", b"one")
    newest = store.set_state("a", b"two")
    assert files(store.artifacts.folder) == {newest, store.set_state("b", b"one")}
    store.set_state("b", b"two")
    assert files(store.artifacts.folder) == {newest}
    found = store.get_job("a")
    assert found is not None
    assert found.state == newest


def test_events_are_numbered_from_one_in_each_job(store: Store) -> None:
    for name in ("a", "b"):
        store.add_job(job(name))
    store.add_event("a", {"step": 1})
    store.add_event("b", {"step": 10})
    store.add_event("a", {"worker": "lost"}, progress=False)
    assert [(event.number, event.payload) for event in store.list_events("a")] == [
        (1, {"step": 1}),
        (2, {"worker": "lost"}),
    ]
    found = store.get_job("a")
    assert found is not None
    assert found.progress == {"step": 1}
    with pytest.raises(StoreError, match="no job c"):
        store.add_event("c", {})


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.INTERRUPTED])
def test_an_ended_job_can_be_claimed(store: Store, status: JobStatus) -> None:
    store.add_job(job("a"))
    store.update_job("a", status=status, error="why", ended="2026-01-01T00:00:00+00:00", owner="them")
    claimed = store.claim_job("a", "me")
    assert (claimed.status, claimed.owner, claimed.error, claimed.ended) == (JobStatus.QUEUED, "me", None, None)
    with pytest.raises(StoreError, match="job a is queued"):
        store.claim_job("a", "me")


def test_jobs_of_owners_that_are_gone_are_interrupted(store: Store) -> None:
    store.add_job(job("queued", owner="gone"))
    store.add_job(job("running", owner="gone"))
    store.add_job(job("other's", owner="here"))
    store.add_job(job("ended", owner="gone"))
    store.update_job("running", status=JobStatus.RUNNING)
    store.update_job("ended", status=JobStatus.FAILED)
    marked = store.mark_interrupted(lambda owner: owner == "here")
    assert [each.id for each in marked] == ["queued", "running"]
    statuses = {each.id: each.status.value for each in store.list_jobs()}
    assert statuses == {
        "queued": "interrupted",
        "running": "interrupted",
        "other's": "queued",
        "ended": "failed",
    }
    assert store.mark_interrupted(lambda owner: owner == "here") == []


def test_deleting_a_record_deletes_the_job_that_made_it(store: Store) -> None:
    store.add_job(job("a", key="k"))
    store.add_event("a", {"step": 1})
    store.finish_job("a", record("k"), {"weights": b"weights"})
    store.add_job(job("again", key="k"))
    store.delete_record("k")
    assert [each.id for each in store.list_jobs()] == ["again"]
    assert store.list_events("a") == []
    assert files(store.artifacts.folder) == set()


def test_only_an_ended_job_can_be_deleted(store: Store) -> None:
    store.add_job(job("a"))
    store.set_state("a", b"state")
    with pytest.raises(StoreError, match="cancel it first"):
        store.delete_job("a")
    store.update_job("a", status=JobStatus.INTERRUPTED)
    store.delete_job("a")
    assert store.list_jobs() == []
    assert files(store.artifacts.folder) == set()


def test_an_owner_lives_as_long_as_its_process() -> None:
    code = (
        "import sys; from roboreg_core.store.owners import new_owner; print(new_owner(), flush=True); sys.stdin.read()"
    )
    mine = new_owner()
    assert process_lives(mine) is True
    assert same_process(mine, new_owner())
    with python(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        theirs = other.stdout.readline().strip()
        assert process_lives(theirs) is True
        assert not same_process(mine, theirs)
        other.kill()
    assert process_lives(theirs) is False


def test_a_later_process_with_the_same_number_is_another() -> None:
    place, pid, started, own = new_owner().split("/")
    assert process_lives("/".join([place, pid, str(int(started) - 1), own])) is False


def test_owners_elsewhere_are_unknown_and_those_before_a_reboot_gone() -> None:
    host, boot, space = new_owner().split("/")[0].split("|")
    assert process_lives(f"{host}|another boot|{space}/1/1/x") is False
    assert process_lives(f"another host|{boot}|{space}/1/1/x") is None
    assert process_lives(f"{host}|{boot}|another container/1/1/x") is None
    assert process_lives("nonsense") is None


def test_a_heartbeat_does_not_change_the_version(store: Store, tmp_path: Path) -> None:
    before = store.version()
    assert store.last_beat("me") is None
    store.beat("me")
    age = store.last_beat("me")
    assert age is not None
    assert 0 <= age < 10
    assert store.version() == before
