"""What can be done with one's own networks: a name found or given, deleted, brought back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from roboreg_core.errors import StoreError
from roboreg_core.networks.registry import DenseNetwork, baselines, of_record
from roboreg_core.networks.spec import CALLED, NETWORK
from roboreg_core.store.names import clean_name, folded, free_name

if TYPE_CHECKING:
    from roboreg_core.store.records import DeletedRecord, Record
    from roboreg_core.store.store import Store


def check_name(store: Store, name: str, but: str = "") -> str:
    """The name, cleaned, where a network may have it; `but` is the id of the one that is to get it.

    Raises:
        SpecError: it breaks a rule.
        StoreError: another network has it, or one that is being made will.
    """
    cleaned = clean_name(name, CALLED)
    if folded(cleaned) in taken_names(store, but):
        raise StoreError(f"the name {cleaned!r} is taken by another network: choose another name")
    return cleaned


def unused_name(store: Store, wanted: str) -> str:
    """`wanted`, or with a number behind it, as no network is called yet."""
    return free_name(clean_name(wanted, CALLED), taken_names(store).__contains__)


def taken_names(store: Store, but: str = "") -> set[str]:
    """Folded names of all networks, and of those that jobs under way will make, without the one of id `but`."""
    known = {folded(each.name) for each in baselines(store) if each.record is None or each.record.id != but}
    jobs = (job for job in store.list_jobs(NETWORK) if not job.status.is_ended and job.key != but)
    return known | {folded(job.spec["name"]) for job in jobs}


def rename(store: Store, baseline: DenseNetwork, name: str) -> DenseNetwork:
    """Give an own network another name; what started from it keeps the one that it then had.

    Raises:
        SpecError: the name breaks a rule.
        StoreError: it is taken, or the network ships with the project.
    """
    record = _own(baseline)
    cleaned = check_name(store, name, but=record.id)
    if store.get_record(record.id) is None:
        raise StoreError(f"network {baseline.name!r} was deleted meanwhile: restore it first")
    renamed = replace(record, spec={**record.spec, "name": cleaned})
    store.put_record(renamed)
    return of_record(renamed)


def delete(store: Store, baseline: DenseNetwork) -> None:
    """Put an own network into the bin; `restore` brings it back for 30 days. Runs that started from it stay whole.

    Raises:
        StoreError: it ships with the project, or is gone already.
    """
    store.bin_record(_own(baseline).id)


def restore(store: Store, record_id: str) -> DenseNetwork:
    """Undo a deletion; the name gets a number where another network has taken it meanwhile.

    Raises:
        StoreError: it is not in the bin.
    """
    taken = taken_names(store)
    record = store.restore_record(record_id)
    name = free_name(record.spec["name"], taken.__contains__)
    if name != record.spec["name"]:
        record = replace(record, spec={**record.spec, "name": name})
        store.put_record(record)
    return of_record(record)


def deleted(store: Store) -> list[DeletedRecord]:
    """The networks in the bin, the last one first."""
    return store.list_binned(NETWORK)


def find_deleted(store: Store, text: str) -> Record:
    """The record of the network of this name, or id, that was deleted last.

    Raises:
        StoreError: there is none.
    """
    found = [each.record for each in deleted(store)]
    wanted = (each for each in found if text == each.id or folded(text) == folded(each.spec["name"]))
    record = next(wanted, None)
    if record is None:
        names = ", ".join(repr(each.spec["name"]) for each in found[:5]) or "none"
        raise StoreError(f"no deleted network has the name or id {text[:80]!r}: there are {names}")
    return record


def _own(baseline: DenseNetwork) -> Record:
    if baseline.record is None:
        raise StoreError(f"network {baseline.name!r} ships with the project: only own networks can be changed")
    return baseline.record
