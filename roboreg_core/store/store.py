"""The store: records, jobs, events, artefacts and what people saved, safe for several threads and several processes.

What it promises: a write is whole or it did not happen; a finished job and its record appear together; an artefact that
something refers to is never deleted; shipped records are read in place and never changed.
"""

from __future__ import annotations

import time
from pathlib import Path

from roboreg_core.store.job_store import JobStore
from roboreg_core.store.saved_items import SavedItems


class Store(JobStore):
    """Everything kept under one folder, and the shipped records beside it.

    Attributes:
        saved: things kept under names.
    """

    def __init__(self, home: Path, shipped: Path | None = None) -> None:
        """Open the store in `home` (made where it is missing), in front of the shipped records in `shipped`.

        Raises:
            StoreError: it cannot be opened, or was made by a newer RoboReg.
        """
        super().__init__(home, shipped)
        self.saved = SavedItems(self._database)

    def beat(self, owner: str) -> None:
        """Note that `owner` lives; the change counter stays."""
        with self._database.write(quiet=True) as db:
            db.execute("INSERT OR REPLACE INTO owners VALUES (?, ?)", (owner, time.time()))
            db.execute("DELETE FROM owners WHERE seen < ?", (time.time() - 86400,))

    def last_beat(self, owner: str) -> float | None:
        """Seconds since `owner` last gave a sign of life, None where it never did."""
        with self._database.read() as db:
            row = db.execute("SELECT seen FROM owners WHERE owner = ?", (owner,)).fetchone()
        return max(0.0, time.time() - row["seen"]) if row else None

    def sweep(self) -> list[str]:
        """Delete old artefact files that nothing refers to, e.g. left by a crash; return their names."""
        with self._database.write(quiet=True) as db:  # no one may begin to refer to a file meanwhile
            return self.artifacts.sweep({row["sha"] for row in db.execute("SELECT sha FROM refs")})
