"""Files and folders that cannot be written: one error for all, and a check before the work."""

import errno
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roboreg_core.errors import RoboRegError
from roboreg_core.paths import TEMPORARY, write_atomically

log = logging.getLogger(__name__)

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free some space on its disk"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make it writable"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR), "check its folder"),
}


@contextmanager
def writing(
    path: Path, error: type[RoboRegError] = RoboRegError, *, remedy: str = "choose another file"
) -> Iterator[None]:
    """Context manager for a block that writes `path`: raises `error` instead of an `OSError` of the block.

    Its message has the path, the reason, advice for this reason, and the alternative `remedy`.
    """
    try:
        yield
    except OSError as reason:
        first = _REMEDIES.get(reason.errno or 0, "check its disk")
        raise error(f"cannot write {path} ({reason.strerror or reason}): {first}, or {remedy}") from reason


def check_writable(path: Path, error: type[RoboRegError] = RoboRegError) -> None:
    """Check, before computing a file's content, that `path` can be written; create its folder.

    An existing file is left unchanged.

    Raises `error`: the folder cannot be created or written, or `path` is a folder.
    """
    with writing(path, error):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.NamedTemporaryFile(prefix=TEMPORARY, dir=path.parent):
            pass


def write_state(path: Path, state: bytes) -> None:
    """Write the state of a training to `path` atomically; log a failure as a warning, since the training continues."""
    try:
        with writing(path):
            write_atomically(path, state)
    except RoboRegError as error:
        log.warning("the training continues, but its state was not saved: %s", error)
