"""One engine for the tests of a module: its workers take seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from roboreg_core.jobs.engine import Engine
from roboreg_core.store.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def engine(store: Store) -> Iterator[Engine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ROBOREG_SCHEDULER", raising=False)
        engine = Engine(store, grace=1.0)
        yield engine
        engine.close()
