"""One SQLite file that several threads and several processes read and write.

Each call borrows a connection for itself; writes are serial (`BEGIN IMMEDIATE`) and whole or undone; every write raises
a counter, so that a page can ask cheaply whether anything changed.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from roboreg_core.errors import StoreError

# A write lasts milliseconds; one that keeps others waiting this long means that a process hangs.
BUSY_SECONDS = 30.0

# Each migration is the statements that lead from the version before it; never edit one that was released.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE records (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
            created TEXT NOT NULL, spec TEXT NOT NULL, result TEXT NOT NULL)""",
        """CREATE TABLE jobs (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, key TEXT NOT NULL,
            function TEXT NOT NULL, spec TEXT NOT NULL, inputs TEXT NOT NULL, lane TEXT NOT NULL, status TEXT NOT NULL,
            progress TEXT NOT NULL, state TEXT, error TEXT, owner TEXT, created TEXT NOT NULL, started TEXT,
            ended TEXT, attempts INTEGER NOT NULL)""",
        "CREATE UNIQUE INDEX one_active_job ON jobs (key) WHERE status IN ('queued', 'running')",
        """CREATE TABLE events (
            job TEXT NOT NULL, number INTEGER NOT NULL, time TEXT NOT NULL, payload TEXT NOT NULL,
            PRIMARY KEY (job, number)) WITHOUT ROWID""",
        "CREATE TABLE refs (holder TEXT NOT NULL, sha TEXT NOT NULL, PRIMARY KEY (holder, sha)) WITHOUT ROWID",
        "CREATE INDEX refs_by_sha ON refs (sha)",
        "CREATE TABLE owners (owner TEXT PRIMARY KEY, seen REAL NOT NULL) WITHOUT ROWID",
        "CREATE TABLE counter (value INTEGER NOT NULL)",
        "INSERT INTO counter VALUES (0)",
    ),
    (
        # When a record went to the bin; NULL for one that stands.
        "ALTER TABLE records ADD COLUMN deleted TEXT",
        """CREATE TABLE saved (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, name TEXT NOT NULL,
            folded TEXT NOT NULL, note TEXT NOT NULL, tags TEXT NOT NULL, content TEXT NOT NULL, created TEXT NOT NULL,
            changed TEXT NOT NULL, deleted TEXT)""",
        "CREATE UNIQUE INDEX one_saved_name ON saved (kind, folded) WHERE deleted IS NULL",
    ),
    (
        # The modules of three task functions were renamed; unfinished jobs must still find them.
        "UPDATE jobs SET function = 'roboreg_core.networks.execute:execute' "
        "WHERE function = 'roboreg_core.baselines.execute:execute'",
        "UPDATE jobs SET function = 'roboreg_core.sweeps.execute:measure' "
        "WHERE function = 'roboreg_core.explore.execute:measure'",
        "UPDATE jobs SET function = 'roboreg_core.search.execute:search' "
        "WHERE function = 'roboreg_core.explore.search_job:search'",
    ),
)


class Database:
    """The connections to one SQLite file, opened as needed and used again."""

    def __init__(self, path: Path, migrations: tuple[tuple[str, ...], ...] = MIGRATIONS) -> None:
        """Open the file, made where it is missing, and bring it to the newest version.

        Raises:
            StoreError: it cannot be opened, is no database, or was made by a newer RoboReg.
        """
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._process = os.getpid()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the folder {path.parent} ({error.strerror}): set ROBOREG_HOME") from error
        self._migrate(migrations)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection whose reads all see the same moment."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self, *, quiet: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection inside a transaction that no other writer shares; undone if the body raises.

        `quiet` leaves the change counter as it is.
        """
        with self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                if not quiet:
                    connection.execute("UPDATE counter SET value = value + 1")
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def version(self) -> int:
        """A number that grows with every write by any process."""
        with self.read() as connection:
            return int(connection.execute("SELECT value FROM counter").fetchone()[0])

    def close(self) -> None:
        """Close the connections that no one is using; a later call opens new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with explained(self.path):
            connection = self._take()
            try:
                yield connection
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise
            finally:
                with self._lock:
                    self._idle.append(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._process != os.getpid():  # SQLite's connections must not cross a fork
                self._idle, self._process = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")  # what was said to be kept is kept, even if the power fails
        return connection

    def _migrate(self, migrations: tuple[tuple[str, ...], ...]) -> None:
        with self._borrowed() as connection:
            if _user_version(connection, self.path, len(migrations)) == len(migrations):
                return
            connection.execute("BEGIN IMMEDIATE")
            current = _user_version(connection, self.path, len(migrations))  # another process may have been quicker
            for statements in migrations[current:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
            connection.commit()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Let readers and the writer not wait for one another; SQLite does not wait by itself when two switch at once."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _user_version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > newest:
        raise StoreError(
            f"the store {path} has version {version}, this RoboReg knows up to {newest}: "
            "update RoboReg, or set ROBOREG_HOME to another folder"
        )
    return version


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's refusals into a `StoreError` that says what to do; broken rules of the schema pass as they are."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise StoreError(f"the store {path} cannot be used ({error}): {_remedy(str(error))}") from error


def _remedy(message: str) -> str:
    """What a person can do about it."""
    remedies = {
        "full": "free some space on its disk",
        "readonly": "make the file and its folder writable, or set ROBOREG_HOME",
        "unable to open": "make the file and its folder readable and writable, or set ROBOREG_HOME",
        "locked": "close the other programs that use it",
        "malformed": "move the file away; a new one is made",
        "not a database": "move the file away; a new one is made",
        "disk i/o": "check its disk, or set ROBOREG_HOME",
    }
    fitting = (remedy for sign, remedy in remedies.items() if sign in message.lower())
    return next(fitting, "set ROBOREG_HOME to another folder")
