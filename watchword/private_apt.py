"""How is apt asked for packages without root and without changing the system? With a state and a cache of its own: it
reads the system's sources and what is installed there, and writes into one folder alone. What apt refuses becomes one
exception with the last lines that it said. Which packages are wanted, and where they go, is left to
``debian_packages.py``.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from shared.errors import WatchwordError

_LINES_SHOWN = 8


class PackagesUnavailable(WatchwordError):
    """Packages could not be fetched; the text says which and what apt said."""


class PrivateApt:
    """apt with its state and cache below one folder."""

    def __init__(self, folder: Path) -> None:
        for part in ("state/lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        self._options = [
            *("-o", f"Dir::State={folder / 'state'}"),
            *("-o", "Dir::State::status=/var/lib/dpkg/status"),
            *("-o", f"Dir::Cache={folder / 'cache'}"),
            # Container images switch off the index that makes the questions below cheap.
            *("-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin"),
            # Root's apt would download as another user, who can't write here.
            *("-o", "APT::Sandbox::User=root"),
        ]

    def update(self) -> None:
        """Read the package lists of the system's sources. One that can't be read does not hide the others."""
        answer = self._try("apt-get", "update")
        if answer.returncode != 0:
            say(f"apt could not read all of its sources; going on with those that it could. {_end_of(answer)}")

    def exists(self, package: str) -> bool:
        """Whether the sources have a package of this name."""
        return self._try("apt-cache", "show", "--no-all-versions", package).returncode == 0

    def needed(self, packages: Sequence[str]) -> list[str]:
        """The names of all packages that installing these would bring; empty when apt finds no way to install them."""
        answer = self._try("apt-get", "install", "--print-uris", "-qq", "-y", "--no-install-recommends", *packages)
        if answer.returncode != 0:
            say(f"apt sees no way to add the libraries of {', '.join(packages)}; going on with those of the system")
        # 'http://…/libaio1_0.3.113-4_amd64.deb' libaio1_0.3.113-4_amd64.deb 13360 SHA256:…
        files = [line.split()[1] for line in answer.stdout.splitlines() if line.startswith("'")]
        return [file.partition("_")[0] for file in files]

    def download(self, packages: Sequence[str], folder: Path) -> None:
        """Fetch the files of these packages, verified, into the folder."""
        self._run("apt-get", "download", *packages, folder=folder)

    def _try(self, program: str, *arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [program, *self._options, *arguments]
        environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
        return subprocess.run(  # noqa: S603 - no shell, names from our own table
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )

    def _run(self, program: str, *arguments: str, folder: Path | None = None) -> None:
        answer = self._try(program, *arguments, folder=folder)
        if answer.returncode != 0:
            raise PackagesUnavailable(
                f"`{program} {' '.join(arguments)}` failed (its state is kept apart from the system's). Is the "
                f"network there, and does `{program}` work otherwise? {_end_of(answer)}"
            )


def _end_of(answer: subprocess.CompletedProcess[str]) -> str:
    lines = (answer.stderr or answer.stdout).strip().splitlines()
    return "\n".join(["It said:", *lines[-_LINES_SHOWN:]])


def unpack(package_file: Path, folder: Path) -> None:
    """Unpack a package's files into the folder. None of its scripts is run."""
    answer = subprocess.run(  # noqa: S603 - no shell, our own files
        ["dpkg-deb", "-x", package_file, folder],  # noqa: S607
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise PackagesUnavailable(f"{package_file.name} can't be unpacked into {folder}: {answer.stderr.strip()}")


def say(line: str) -> None:
    """Tell people how far we are."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
