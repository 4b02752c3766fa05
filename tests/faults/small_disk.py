"""A disk that can be filled: a file system of a few megabytes in memory, in a mount namespace of its own, so that
nothing of the machine's is mounted, and it is gone with the process that holds it. Root is not needed where user
namespaces are allowed.
"""

import contextlib
import dataclasses
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchword.embedded import EmbeddedServer, NatsSettings, nats_process
from watchword.processes import LOCALHOST, ServerProcess

_MOUNT = 'mount -t tmpfs -o "size=$1" watchword "$2" && echo mounted && exec sleep infinity'
_CHUNK = bytes(4096)


@dataclass(frozen=True)
class SmallDisk:
    """A folder that is a disk of its own, for those who are started within."""

    folder: Path
    holder: int
    """The process that keeps it."""

    def within(self, command: Sequence[str]) -> list[str]:
        """Return a command that starts another one where the disk is."""
        also = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        return [shutil.which("nsenter") or "nsenter", "--target", str(self.holder), "--mount", *also, *command]

    def fill(self) -> None:
        """Leave no byte."""
        with contextlib.suppress(OSError), self._filler.open("wb", buffering=0) as filler:
            while True:
                filler.write(_CHUNK)

    def make_room(self) -> None:
        """Take away what filled it."""
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return Path(f"/proc/{self.holder}/root{self.folder}/filler")


def nats_on(disk: SmallDisk, settings: NatsSettings) -> EmbeddedServer:
    """Return a NATS server that stores on a small disk, not started yet; the disk is the folder of its streams."""
    plan = nats_process(settings).plan
    process = ServerProcess(dataclasses.replace(plan, command=lambda port: disk.within(plan.command(port))))
    return EmbeddedServer(process, f"nats://{LOCALHOST}:{{port}}")


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """Put a disk at a folder while the block lasts."""
    folder.mkdir(parents=True)
    alone = ["unshare", "--mount", *(() if os.geteuid() == 0 else ("--user", "--map-root-user"))]
    holder = subprocess.Popen([*alone, "sh", "-c", _MOUNT, "sh", size, str(folder)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mounted\n", (
            "no namespace for mounts: run it as root, or allow user namespaces"
        )
        yield SmallDisk(folder, holder.pid)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()  # type: ignore[union-attr]
