import pytest

from roboreg_core import paths
from roboreg_core.runs.spec import KIND
from roboreg_core.store.records import Record
from roboreg_core.store.store import Store


@pytest.fixture
def records(home: object) -> list[Record]:
    """The recorded runs: real results, the same everywhere."""
    return Store(paths.home(), shipped=paths.recorded()).list_records(KIND)


@pytest.fixture
def record(records: list[Record]) -> Record:
    return next(
        each for each in records if each.spec["method"] == "refit" and each.result["cost"]["parameters"] == 135_754
    )
