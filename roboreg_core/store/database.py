"""One SQLite file shared by several threads and processes.

Every call uses a pooled connection of its own. Writes are serialised transactions (`BEGIN IMMEDIATE`) and increment a
counter, a cheap way to detect changes.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from roboreg_core.errors import StoreError

# Timeout for locks: a write takes milliseconds.
BUSY_SECONDS = 30.0

# Each migration lists the statements that upgrade from the previous version; never edit a released one.
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
        # Time of deletion, NULL for a record that is not deleted.
        "ALTER TABLE records ADD COLUMN deleted TEXT",
        """CREATE TABLE saved (
            number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, name TEXT NOT NULL,
            folded TEXT NOT NULL, note TEXT NOT NULL, tags TEXT NOT NULL, content TEXT NOT NULL, created TEXT NOT NULL,
            changed TEXT NOT NULL, deleted TEXT)""",
        "CREATE UNIQUE INDEX one_saved_name ON saved (kind, folded) WHERE deleted IS NULL",
    ),
    (
        # The modules of three task functions were renamed; unfinished jobs refer to them.
        "UPDATE jobs SET function = 'roboreg_core.networks.execute:execute' "
        "WHERE function = 'roboreg_core.baselines.execute:execute'",
        "UPDATE jobs SET function = 'roboreg_core.sweeps.execute:measure' "
        "WHERE function = 'roboreg_core.explore.execute:measure'",
        "UPDATE jobs SET function = 'roboreg_core.search.execute:search' "
        "WHERE function = 'roboreg_core.explore.search_job:search'",
    ),
    (
        # Names of the people who started a job or deleted an item; NULL without a login.
        "ALTER TABLE jobs ADD COLUMN author TEXT",
        "ALTER TABLE records ADD COLUMN deleted_by TEXT",
        "ALTER TABLE saved ADD COLUMN deleted_by TEXT",
    ),
)


class Database:
    """Connection pool of one SQLite file.

    Attributes:
        author: called before each write; see `store.Store`.
    """

    def __init__(
        self,
        path: Path,
        migrations: tuple[tuple[str, ...], ...] = MIGRATIONS,
        author: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Open or create the file and migrate it to the newest version.

        Raises `StoreError`: it cannot be opened, is not a database, or was created by a newer RoboReg.
        """
        self.path = path
        self.author = author
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
        """Context with a connection for reading a consistent snapshot."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self, *, quiet: bool = False) -> Iterator[sqlite3.Connection]:
        """Context with a connection in an exclusive write transaction, rolled back if the body raises.

        `quiet` leaves the change counter unchanged, and is for the app's own writes: `author` is not called.
        """
        if not quiet:
            self.author()
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
        """Number that increases with every write of any process to the file."""
        with self.read() as connection:
            return int(connection.execute("SELECT value FROM counter").fetchone()[0])

    def close(self) -> None:
        """Close the idle connections; later calls open new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        with _store_errors(self.path):
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
            if self._process != os.getpid():  # SQLite connections must not be used after a fork
                self._idle, self._process = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        connection.row_factory = sqlite3.Row
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")  # durable after a power failure
        return connection

    def _migrate(self, migrations: tuple[tuple[str, ...], ...]) -> None:
        with self._borrowed() as connection:
            if _user_version(connection, self.path, len(migrations)) == len(migrations):
                return
            connection.execute("BEGIN IMMEDIATE")
            current = _user_version(connection, self.path, len(migrations))  # another process may have migrated it
            for statements in migrations[current:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(migrations)}")
            connection.commit()


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to write-ahead logging; SQLite does not wait by itself when two processes switch at once."""
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
            f"the store {path} has version {version}, this version of RoboReg supports up to {newest}: "
            "update RoboReg, or set ROBOREG_HOME to another folder"
        )
    return version


@contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    """Convert SQLite's errors into a `StoreError` with a remedy, except violated constraints."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise StoreError(f"the store {path} cannot be used ({error}): {_remedy(str(error))}") from error


def _remedy(message: str) -> str:
    remedies = {
        "full": "free some space on its disk",
        "readonly": "make the file and its folder writable, or set ROBOREG_HOME",
        "unable to open": "make the file and its folder readable and writable, or set ROBOREG_HOME",
        "locked": "close the other programs that use it",
        "malformed": "move the file away; a new one is made",
        "not a database": "move the file away; a new one is made",
        "disk i/o": "check its disk, or set ROBOREG_HOME",
    }
    matching = (remedy for pattern, remedy in remedies.items() if pattern in message.lower())
    return next(matching, "set ROBOREG_HOME to another folder")
