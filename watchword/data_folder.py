"""Where ``watchword up`` keeps everything between two starts, one folder for each. It guarantees that never two
processes use one folder at a time, whatever killed the last one, and remembers the name of the pool that is this
folder's own.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from shared.errors import WatchwordError

PRIVATE_PREFIX = "private-"
"""How the pools begin whose passwords are in the memory of one process alone."""


class DataFolderInUse(WatchwordError):
    """Another ``watchword up`` runs on the folder."""


class DataFolderUnusable(WatchwordError):
    """The folder can't be made or written."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Path]:
    """Hold a folder, made when it is missing, while the block runs. Raises ``DataFolderInUse``."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "up.lock").open("a+")
    except OSError as error:
        message = f"the data folder {folder} can't be used: {error.strerror}; choose another one with --data-dir"
        raise DataFolderUnusable(message) from None
    with lock:
        try:
            # The kernel lets go of it when the process ends, however it ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            process = lock.read().strip() or "unknown"
            message = (
                f"another `watchword up` (process {process}) runs on {folder}; stop it, or choose another folder with "
                "--data-dir"
            )
            raise DataFolderInUse(message) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield folder


def private_pool(folder: Path) -> str:
    """Return the name of the pool that only the checker of this folder serves; the same at each start."""
    file = folder / "private-pool"
    with contextlib.suppress(FileNotFoundError):
        name = file.read_text().strip()
        if name.startswith(PRIVATE_PREFIX):
            return name
    name = f"{PRIVATE_PREFIX}{secrets.token_hex(4)}"
    file.write_text(f"{name}\n")
    return name
