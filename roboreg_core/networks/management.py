"""Management of your networks: choose a free name, rename, delete, restore."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from roboreg_core.errors import StoreError
from roboreg_core.networks.registry import DenseNetwork, dense_networks, of_record
from roboreg_core.networks.spec import NAME_LABEL, NETWORK
from roboreg_core.store.names import clean_name, folded, free_name

if TYPE_CHECKING:
    from roboreg_core.store.records import DeletedRecord, Record
    from roboreg_core.store.store import Store


def check_name(store: Store, name: str, except_id: str = "") -> str:
    """Check that a name is valid and not taken, except by the network with the id `except_id`; return it cleaned.

    Raises `SpecError`: the name is invalid; `StoreError`: another network has it, or an unfinished job's network will.
    """
    cleaned = clean_name(name, NAME_LABEL)
    if folded(cleaned) in taken_names(store, except_id):
        raise StoreError(f"the name {cleaned!r} is taken by another network: choose another name")
    return cleaned


def unused_name(store: Store, wanted: str) -> str:
    """The name `wanted` if it is free, else with a number appended, e.g. `mine (2)`."""
    return free_name(clean_name(wanted, NAME_LABEL), taken_names(store).__contains__)


def taken_names(store: Store, except_id: str = "") -> set[str]:
    """Names of all networks and unfinished jobs, `folded`, except that of the network with the id `except_id`."""
    known = {folded(each.name) for each in dense_networks(store) if each.record is None or each.record.id != except_id}
    jobs = (job for job in store.list_jobs(NETWORK, ended=False) if job.key != except_id)
    return known | {folded(job.spec["name"]) for job in jobs}


def rename(store: Store, network: DenseNetwork, name: str) -> DenseNetwork:
    """Rename one of your networks; runs that started from it keep the old name.

    Raises `SpecError`: the name is invalid; `StoreError`: it is taken, or it is an example network.
    """
    record = _own(network)
    cleaned = check_name(store, name, except_id=record.id)
    if store.get_record(record.id) is None:
        raise StoreError(f"network {network.name!r} was deleted meanwhile: restore it first")
    renamed = replace(record, spec={**record.spec, "name": cleaned})
    store.put_record(renamed)
    return of_record(renamed)


def delete(store: Store, network: DenseNetwork) -> None:
    """Delete one of your networks; `restore` undoes it. Runs that started from it are unaffected.

    Raises `StoreError`: it is an example network, or is deleted already.
    """
    store.soft_delete_record(_own(network).id)


def restore(store: Store, record_id: str) -> DenseNetwork:
    """Restore a deleted network; a number is appended to its name if that is taken.

    Raises `StoreError`: it is not among the deleted networks.
    """
    taken = taken_names(store)
    record = store.restore_record(record_id)
    name = free_name(record.spec["name"], taken.__contains__)
    if name != record.spec["name"]:
        record = replace(record, spec={**record.spec, "name": name})
        store.put_record(record)
    return of_record(record)


def deleted(store: Store) -> list[DeletedRecord]:
    """The deleted networks, most recently deleted first."""
    return store.list_deleted(NETWORK)


def find_deleted(store: Store, text: str) -> Record:
    """The record of the most recently deleted network with this name or id.

    Raises `StoreError`: no deleted network has it.
    """
    found = [each.record for each in deleted(store)]
    wanted = (each for each in found if text == each.id or folded(text) == folded(each.spec["name"]))
    record = next(wanted, None)
    if record is None:
        names = ", ".join(repr(each.spec["name"]) for each in found[:5]) or "none"
        raise StoreError(f"no deleted network has the name or id {text[:80]!r}; deleted: {names}")
    return record


def _own(network: DenseNetwork) -> Record:
    if network.record is None:
        raise StoreError(f"network {network.name!r} is the example network: only your networks can be changed")
    return network.record
