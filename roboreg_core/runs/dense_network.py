"""The dense network of a run, from the example checkpoints or the store."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from roboreg_core import paths
from roboreg_core.errors import StoreError

if TYPE_CHECKING:
    from roboreg_core.models.resnet import ResNet
    from roboreg_core.store.records import Record
    from roboreg_core.store.store import Store


def dense_content(record: Record, store: Store) -> bytes:
    """The weights of a run's dense network as bytes of a safetensors file.

    Raises `StoreError`: it is neither in `checkpoints/` nor in the store.
    """
    digest = record.spec["dense_sha256"]
    content = shipped_content(digest)
    if content is not None:
        return content
    if digest in store.artifacts:
        return store.artifacts.get(digest)
    raise StoreError(
        f"run {record.id} started from the dense network {record.spec['dense']} ({digest[:12]}), which was removed: "
        "restore it in checkpoints/, or add it to your networks again"
    )


def shipped_content(digest: str) -> bytes | None:
    """The bytes of the example network with this SHA-256, None if there is none."""
    for path in sorted(file for folder in paths.networks() for file in folder.glob("*.safetensors")):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() == digest:
            return content
    return None


def dense_network(record: Record, store: Store) -> ResNet:
    """The dense network of a run; cached and shared between callers, do not change it.

    Raises `StoreError`: see `dense_content`.
    """
    return _network(dense_content(record, store))


@lru_cache(maxsize=4)
def _network(content: bytes) -> ResNet:
    from roboreg_core.models import checkpoints

    return checkpoints.from_bytes(content).model
