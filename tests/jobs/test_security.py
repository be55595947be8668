"""Other users of the machine, and addresses of schedulers."""

from __future__ import annotations

import os
import signal
from itertools import product
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest
from distributed import Client
from distributed.security import Security

from roboreg_core.errors import JobError
from roboreg_core.jobs.dask_cluster import Connection
from roboreg_core.jobs.engine import Engine
from roboreg_core.store.records import JobStatus
from roboreg_core.store.store import Store
from tests.jobs.helpers import done, reached, task, until, worker_pid

CONNECT_SECONDS = 2.0


def own_processes() -> list[psutil.Process]:
    me = psutil.Process()
    return [me, *me.children(recursive=True)]


def listening() -> list[int]:
    """Ports of this process and its workers."""
    found = [each for process in own_processes() for each in process.net_connections("tcp")]
    return [each.laddr.port for each in found if each.status == psutil.CONN_LISTEN]


def is_accepted(address: str, security: Security | None = None) -> bool:
    try:
        client = Client(address, security=security, timeout=CONNECT_SECONDS, set_as_default=False)
    except OSError:
        return False
    client.close()
    return True


def connection(engine: Engine) -> Connection:
    """The engine's connection, after its first job."""
    job = done(engine, engine.submit(task("first", steps=1)))
    assert job.status is JobStatus.FINISHED, job.error
    found = engine._dispatcher._connection
    assert found is not None
    return found


def members(found: Connection) -> list[str]:
    """Addresses of the scheduler, the nannies and the workers."""
    nannies = found.cluster.workers.values()  # type: ignore[union-attr]
    return [found.cluster.scheduler_address, *(n.address for n in nannies), *(n.worker_address for n in nannies)]  # type: ignore[union-attr]


def test_strangers_cannot_connect_and_the_engine_can(engine: Engine) -> None:
    found = connection(engine)
    stranger = Security.temporary()
    for address in members(found):
        assert not is_accepted(address.replace("tls://", "tcp://")), address
        assert not is_accepted(address, stranger), address
    assert is_accepted(members(found)[0], found.client.security)
    assert done(engine, engine.submit(task("after the stranger", steps=1))).status is JobStatus.FINISHED


def test_the_http_servers_serve_nothing(engine: Engine) -> None:
    known = {int(address.rpartition(":")[2]) for address in members(connection(engine))}
    others = set(listening()) - known
    assert others, "dask always starts HTTP servers"
    for port, path in product(others, ("health", "metrics", "info/main/workers.html", "json/counts.json")):
        with pytest.raises(HTTPError) as refused:
            urlopen(f"http://127.0.0.1:{port}/{path}", timeout=CONNECT_SECONDS)
        assert refused.value.code == 404


def test_a_restarted_worker_has_the_certificate(engine: Engine, store: Store) -> None:
    job = engine.submit(task("killed", steps=30, nap=0.05))
    until(reached(store, job, 3))
    os.kill(worker_pid(store, job), signal.SIGKILL)
    assert done(engine, job).status is JobStatus.FINISHED
    assert all(worker.address.startswith("tls://") for worker in until(engine.workers))


def test_the_key_is_not_visible(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    assert done(engine, engine.submit(task("visible", steps=1))).status is JobStatus.FINISHED
    security = connection(engine).client.security
    for process in own_processes():
        assert "BEGIN" not in " ".join(process.cmdline())
        assert security.tls_client_key not in Path(f"/proc/{process.pid}/environ").read_text()
        assert not [file.path for file in process.open_files() if file.path.endswith((".pem", ".crt", ".key"))]
    assert "PRIVATE KEY" not in repr(security) + "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.1:8786", "10.0.0.1:8786", "ws://host:8786", "tcp://", "tcp://127.1.evil.example:1"]
)
def test_unencrypted_addresses_of_other_machines_are_refused(
    address: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOREG_SCHEDULER", address)
    with pytest.raises(JobError, match="tls://") as refused:
        Engine(store)
    assert address in str(refused.value)
    monkeypatch.setenv("ROBOREG_INSECURE", "1")
    Engine(store).close()


@pytest.mark.parametrize(
    "address", ["tls://10.0.0.1:8786", "tcp://127.0.0.1:8786", "localhost:8786", "tcp://[::1]:8786"]
)
def test_encrypted_and_local_addresses_are_accepted(address: str, store: Store) -> None:
    Engine(store, scheduler=address).close()


def test_an_encrypted_scheduler_needs_a_certificate(store: Store) -> None:
    engine = Engine(store, scheduler="tls://127.0.0.1:9")
    ended = done(engine, engine.submit(task("no certificate", steps=1)))
    engine.close()
    assert ended.status is JobStatus.INTERRUPTED
    assert "certificate" in (ended.error or "")
