"""The store: records, jobs, events, artefacts and saved items, safe for several threads and processes.

Guarantees: writes are atomic; a finished job and its record appear together; a referenced artefact is never deleted;
example records are never changed.
"""

import time
from collections.abc import Callable
from pathlib import Path

from roboreg_core.store.job_store import JobStore
from roboreg_core.store.saved_items import SavedItems


class Store(JobStore):
    """All data in the folder `home`, and the read-only example records in the folder `shipped`, if any.

    Attributes:
        saved: items saved under names.
    """

    def __init__(
        self, home: Path, shipped: Path | None = None, author: Callable[[], str | None] = lambda: None
    ) -> None:
        """Open or create the store in `home`, in front of the shipped records in the folder `shipped`.

        `author` is called in the calling thread before each write of records, jobs, saved items and artefacts. It
        returns the name of the person who writes, or None; it raises `AccessError` if that person may not write.

        Raises `StoreError`: it cannot be opened, or was made by a newer RoboReg.
        """
        super().__init__(home, shipped, author)
        self.saved = SavedItems(self._database)

    def beat(self, owner: str) -> None:
        """Store the time of a sign of life of the engine `owner`; the change counter stays."""
        with self._database.write(quiet=True) as db:
            db.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", (owner, time.time()))
            db.execute("DELETE FROM owners WHERE seen < ?", (time.time() - 86400,))

    def last_beat(self, owner: str) -> float | None:
        """Seconds since the last `beat` of the engine `owner`, None without any."""
        with self._database.read() as db:
            row = db.execute("SELECT seen FROM owners WHERE owner = ?", (owner,)).fetchone()
        return max(0.0, time.time() - row["seen"]) if row else None

    def sweep(self) -> list[str]:
        """Delete old unreferenced artefacts, e.g. left by a crash; return their names."""
        with self._database.write(quiet=True) as db:  # locks out new references
            return self.artifacts.sweep({row["sha"] for row in db.execute("SELECT sha FROM refs")})
