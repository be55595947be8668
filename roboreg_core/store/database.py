"""One SQLite file shared by several threads and processes.

Every call uses a separate pooled connection. Writes are serialised transactions (`BEGIN IMMEDIATE`) and increment a
counter, a cheap way to detect changes.
"""

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from roboreg_core.errors import StorageError, StoreError
from roboreg_core.files import writing
from roboreg_core.store.row_mapping import checksum

# Timeout for locks: a write takes milliseconds.
BUSY_SECONDS = 30.0

_RESTORE = "restore it from a backup, or move its folder away to begin a new store"

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
        # Tells a store that was moved or restored from another one in its place.
        "ALTER TABLE counter ADD COLUMN store TEXT",
        "UPDATE counter SET store = lower(hex(randomblob(16)))",
    ),
    (
        # Names of the people who started a job or deleted an item; NULL without a login.
        "ALTER TABLE jobs ADD COLUMN author TEXT",
        "ALTER TABLE records ADD COLUMN deleted_by TEXT",
        "ALTER TABLE saved ADD COLUMN deleted_by TEXT",
    ),
    (
        # `row_mapping.checksum` of a record; NULL in rows of earlier versions.
        "ALTER TABLE records ADD COLUMN checksum INTEGER",
    ),
)


class Database:
    """Connection pool of one SQLite file.

    Each call checks that the file at the path is still the one that was opened; a store that was moved away and put
    back, or replaced by a copy of itself, is used again without a restart. A file that may not be written is opened
    read-only.

    Attributes:
        path: of the file.
        reopened: number of times that another file was found at the path.
        author: called before each write; see `store.Store`.
    """

    def __init__(
        self,
        path: Path,
        migrations: tuple[tuple[str, ...], ...] = MIGRATIONS,
        *,
        content: Path | None = None,
        author: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Open or create the file and migrate it to the newest version.

        Args:
            path: path of the file; its folder is created.
            migrations: SQL statements per version, see `MIGRATIONS`.
            content: folder of the files that the database refers to.
            author: called before each write.

        Raises `StoreError`: it cannot be opened, is no database, was made by a newer RoboReg, or is missing or empty
        while `content` has files.
        """
        self.path = path
        self.reopened = 0
        self.author = author
        self._migrations = migrations
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._opened: tuple[object, ...] | None = None
        self._store = ""
        with writing(path, StorageError, remedy="set ROBOREG_HOME to another folder"):
            has_content = content is not None and content.is_dir() and any(content.iterdir())
            is_empty = not (path.is_file() and path.stat().st_size)
        if has_content and is_empty:
            raise StorageError(
                f"the store {path} is missing or empty, but {content} has files: restore it from a backup, or move "
                f"{content} away to begin a new store"
            )
        with writing(path, StorageError, remedy="set ROBOREG_HOME to another folder"):
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        with self._borrowed(may_be_empty=True) as connection:
            self._store = _identity(connection)

    @property
    def read_only(self) -> bool:
        """True if the file or its folder may not be written."""
        return not (os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK))

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Context manager with a connection that reads a consistent snapshot."""
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self, *, quiet: bool = False) -> Iterator[sqlite3.Connection]:
        """Context manager with a connection in an exclusive write transaction, rolled back if the body raises.

        With `quiet`, for the app's own writes such as heartbeats, `author` is not called and `version` stays the same.

        Raises `StorageError`: the file may not be written; `AccessError`: `author` refuses the write.
        """
        if not quiet:
            self.author()
        with self._borrowed() as connection:
            if self.read_only:
                raise StorageError(
                    f"the store {self.path} is read-only: make the file and its folder writable, or set ROBOREG_HOME "
                    "to another folder"
                )
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
        """A number that increases with every write by any process, and when another file is found at the path."""
        with self.read() as connection:
            return (self.reopened << 40) + int(connection.execute("SELECT value FROM counter").fetchone()[0])

    def close(self) -> None:
        """Close the idle connections; later calls open new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self, *, may_be_empty: bool = False) -> Iterator[sqlite3.Connection]:
        with _store_errors(self.path):
            opened = (*self._file(may_be_empty=may_be_empty), self.read_only, os.getpid())
            connection = self._take(opened)
            keep = True
            try:
                yield connection
            except BaseException as error:
                # A damaged file may be replaced by a good one before the next call.
                keep = not isinstance(error, sqlite3.DatabaseError) or isinstance(error, sqlite3.IntegrityError)
                with suppress(sqlite3.Error):
                    connection.rollback()
                raise
            finally:
                with self._lock:
                    if keep and opened == self._opened:
                        self._idle.append(connection)
                    else:
                        connection.close()

    def _file(self, *, may_be_empty: bool) -> tuple[int, int]:
        """Device and inode of the file. Raises `StorageError`: it is missing, or empty and must not be."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise StorageError(
                f"the store {self.path} is gone ({error.strerror}), deleted, moved or unmounted while in use: put it "
                "back to continue, or set ROBOREG_HOME to another folder and restart RoboReg"
            ) from None
        if not status.st_size and not may_be_empty:
            raise StorageError(f"the store {self.path} is empty: {_RESTORE}")
        return status.st_dev, status.st_ino

    def _take(self, opened: tuple[object, ...]) -> sqlite3.Connection:
        with self._lock:
            if self._opened != opened:  # another file, or a fork: SQLite connections must not be used after one
                self.reopened += self._opened is not None and self._opened[:2] != opened[:2]
                self._idle, self._opened = [], opened
            if self._idle:
                return self._idle.pop()
        return self._connect()

    def _connect(self) -> sqlite3.Connection:
        connection = self._open_read_only() if self.read_only else self._open_writable()
        # A migrated copy in memory may have got a new identity.
        is_file = connection.execute("PRAGMA database_list").fetchone()["file"]
        if is_file and self._store and self._store != _identity(connection):
            connection.close()
            raise StorageError(
                f"another store was put at {self.path} while RoboReg was running: put the former one back to continue, "
                "or restart RoboReg to use this one"
            )
        return connection

    def _open_writable(self) -> sqlite3.Connection:
        connection = self._open("mode=rw")
        try:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")  # durable after a power failure
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_read_only(self) -> sqlite3.Connection:
        """Open without writing; a copy in memory of an older version, or if SQLite needs to write beside the file."""
        connection = self._open("mode=ro")
        with suppress(sqlite3.OperationalError):  # in WAL mode, and its shared memory cannot be created
            if self._version_of(connection) == len(self._migrations):
                return connection
        connection.close()
        return self._copy()

    def _copy(self) -> sqlite3.Connection:
        """A copy in memory, including writes that are still in the write-ahead log."""
        copy = _configured(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
        with tempfile.TemporaryDirectory() as folder, writing(Path(folder), StorageError, remedy="set TMPDIR"):
            for path in (self.path, self.path.with_name(f"{self.path.name}-wal")):
                if path.exists():
                    shutil.copyfile(path, Path(folder, path.name))
            with closing(sqlite3.connect(Path(folder, self.path.name))) as source:
                source.backup(copy)
        self._migrate(copy)
        return copy

    def _open(self, options: str) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?{options}"
        return _configured(
            sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        )

    def _version_of(self, connection: sqlite3.Connection) -> int:
        version, newest = int(connection.execute("PRAGMA user_version").fetchone()[0]), len(self._migrations)
        if version > newest:
            raise StoreError(
                f"the store {self.path} has version {version}, this version of RoboReg supports up to {newest}: "
                "update RoboReg, or set ROBOREG_HOME to another folder"
            )
        return version

    def _migrate(self, connection: sqlite3.Connection) -> None:
        if self._version_of(connection) == len(self._migrations):
            return
        connection.execute("BEGIN IMMEDIATE")
        for statements in self._migrations[self._version_of(connection) :]:  # another process may have migrated it
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(self._migrations)}")
        connection.commit()


def _configured(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    # Damaged text must not hide the other rows: `row_mapping` reports it.
    connection.text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    connection.create_function("checksum", -1, checksum, deterministic=True)
    return connection


def _identity(connection: sqlite3.Connection) -> str:
    """Identifies a store and its copies; empty before the version that has one."""
    row = connection.execute("SELECT * FROM counter").fetchone()
    return str(row["store"]) if row is not None and "store" in row.keys() else ""  # noqa: SIM118 (a row, no mapping)


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


@contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    """Convert SQLite's errors into a `StorageError` with a remedy, except violated constraints."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise StorageError(f"the store {path} cannot be used ({error}): {_remedy(str(error))}") from error


def _remedy(message: str) -> str:
    remedies = {
        "full": "free some space on its disk",
        "readonly": "make the file and its folder writable, or set ROBOREG_HOME",
        "unable to open": "make the file and its folder readable and writable, or set ROBOREG_HOME",
        "locked": "close the other programs that use it",
        "malformed": _RESTORE,
        "not a database": _RESTORE,
        "disk i/o": "check its disk, or set ROBOREG_HOME",
    }
    matching = (remedy for pattern, remedy in remedies.items() if pattern in message.lower())
    return next(matching, "set ROBOREG_HOME to another folder")
