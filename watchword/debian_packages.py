"""Where do servers come from that no wheel carries, without root and without installing anything? Debian's (or
Ubuntu's) own packages are downloaded by apt with a state of its own and unpacked into a cache folder: nothing of the
system changes and no service starts. A bundle is complete or absent, never half there, and any number of processes
may ask for it at once. How the unpacked programs are run is left to ``embedded.py`` and to the demo's servers.

    ${XDG_CACHE_HOME:-~/.cache}/watchword/servers/<system>/<bundle>/    the unpacked packages of one server
"""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from watchword.private_apt import PackagesUnavailable, PrivateApt, say, unpack
from watchword.processes import ServerProgramMissing

_POSTGRESQL_VERSIONS = ("15", "16", "17", "18", "14")
_COMPLETE = "complete.json"
# Documentation, and what PostgreSQL's just-in-time compiler (which would need LLVM) reads.
_NOT_NEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/lintian")


@dataclass(frozen=True)
class Bundle:
    """The packages of one server. Each entry of ``packages`` lists names of which the first that exists is taken:
    distributions differ in them. An optional one may be missing altogether."""

    name: str
    packages: tuple[tuple[str, ...], ...]
    optional: tuple[tuple[str, ...], ...] = ()
    programs: tuple[str, ...] = ()
    """Patterns of the folders with programs, below the folder of the bundle and below ``/``."""
    built_in_paths: tuple[tuple[str, str], ...] = ()
    """A program and a path of the system that it can't be told to look for elsewhere; see ``_make_relative``."""


def _for_each_version(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.format(version) for version in _POSTGRESQL_VERSIONS)


BUNDLES: Mapping[str, Bundle] = MappingProxyType(
    {
        bundle.name: bundle
        for bundle in (
            Bundle(
                "alertmanager",
                (("prometheus-alertmanager",),),
                programs=("usr/bin",),
                built_in_paths=(("usr/bin/prometheus-alertmanager", "/usr/share/prometheus/alertmanager"),),
            ),
            Bundle("prometheus", (("prometheus",),), programs=("usr/bin",)),
            Bundle(
                "mariadb",
                (
                    ("mariadb-server-core", "mariadb-server-core-10.6"),
                    ("mariadb-server", "mariadb-server-10.6"),
                    ("mariadb-client-core", "mariadb-client-core-10.6"),
                ),
                programs=("usr/sbin", "usr/bin", "usr/libexec"),
            ),
            Bundle(
                "postgresql",
                (_for_each_version("postgresql-{}"), _for_each_version("postgresql-client-{}"), ("libpq5",)),
                optional=(_for_each_version("postgresql-{}-pgaudit"),),
                programs=("usr/lib/postgresql/*/bin", "usr/bin"),
            ),
            # An old one, for the test that it is refused; the new one comes in a wheel.
            Bundle("nats-server", (("nats-server",),), programs=("usr/sbin", "usr/bin")),
            # Not a server: a library that shows a process another time, for tests of clocks that differ.
            Bundle("faketime", (("libfaketime",),)),
            # Not a server: what `make` needs to fetch the rest where Python came without pip.
            Bundle("pip", (("python3-pip-whl",),)),
        )
    }
)
SERVERS = tuple(name for name in BUNDLES if name != "pip")
# Libraries that no server loads: of interpreters, of the web, of a compiler; and libc, which must be the system's own.
_NEVER_LOADED = ("libperl", "libjs-", "libllvm", "libz3", "libc6", "libc-")


def cache_folder() -> Path:
    """The folder for everything fetched, shared by all checkouts of one user."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "watchword" / "servers"


@dataclass(frozen=True)
class Program:
    """A program and the root that its own paths begin at: the folder of a bundle, or ``/``."""

    root: Path
    path: Path


def system_folder() -> Path:
    """The part of the cache folder for this system: one home may be shared by several, whose libraries differ."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {"ID": "linux"}
    return cache_folder() / f"{release['ID']}-{release.get('VERSION_ID', 'rolling')}-{platform.machine()}"


def find_program(bundle_name: str, program: str) -> Program:
    """A program of a bundle: the fetched one, else one of the system; never fetches by itself."""
    bundle = BUNDLES[bundle_name]
    system = Path("/")
    for root in [bundle_folder(bundle_name), system] if is_fetched(bundle_name) else [system]:
        for pattern in bundle.programs:
            for folder in sorted(root.glob(pattern), reverse=True):
                if os.access(folder / program, os.X_OK):
                    return Program(root, folder / program)
    if (found := shutil.which(program)) is not None:
        return Program(system, Path(found))
    raise ServerProgramMissing(
        f"There is no {program} on this machine. Fetch it into a private folder with "
        f"`python -m watchword.debian_packages {bundle_name}` (needs apt-get, not root; nothing gets installed), or "
        f"put {program} on PATH."
    )


def bundle_folder(bundle_name: str) -> Path:
    """Where the bundle's packages are, or would be, unpacked."""
    return system_folder() / bundle_name


def is_fetched(bundle_name: str) -> bool:
    """Whether the bundle is there, whole, and made of the packages that this version wants."""
    try:
        marker = json.loads((bundle_folder(bundle_name) / _COMPLETE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return bool(marker["definition"] == _definition(BUNDLES[bundle_name]))


def library_environment(root: Path) -> dict[str, str]:
    """The environment with which programs unpacked below ``root`` find the libraries that the system lacks."""
    if root == Path("/"):
        return {}
    folders = [folder for pattern in ("usr/lib/*-linux-gnu", "lib/*-linux-gnu") for folder in root.glob(pattern)]
    return {"LD_LIBRARY_PATH": os.pathsep.join(str(folder) for folder in sorted(folders))}


def fetch(bundle_names: Sequence[str]) -> None:
    """Make sure that these bundles are there. Costs nothing when they are; otherwise reports progress on stderr."""
    if all(is_fetched(name) for name in bundle_names):
        return
    with lock():
        missing = [BUNDLES[name] for name in bundle_names if not is_fetched(name)]
        if not missing:
            return
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise PackagesUnavailable(
                "This system has no apt-get and dpkg-deb, so nothing can be fetched. Install with its own means, and "
                f"put on PATH: {', '.join(bundle.name for bundle in missing)}."
            )
        apt = PrivateApt(system_folder() / "apt")
        say("Reading the package lists (kept apart from the system's)")
        apt.update()
        for bundle in missing:
            _fetch_bundle(apt, bundle)


def _fetch_bundle(apt: PrivateApt, bundle: Bundle) -> None:
    packages = [_first_that_exists(apt, names) for names in bundle.packages]
    missing = [" or ".join(names) for names, found in zip(bundle.packages, packages, strict=True) if found is None]
    if missing:
        raise PackagesUnavailable(
            f"The package sources of this system have no {', '.join(missing)}, or could not be read. Is the network "
            "there? On Ubuntu, is `universe` among the sources?"
        )
    names = [name for name in packages if name is not None]
    names += [name for names in bundle.optional if (name := _first_that_exists(apt, names)) is not None]
    libraries = [name for name in apt.needed(names) if _is_library(name) and name not in names]

    folder = bundle_folder(bundle.name)
    partial = folder.with_name(f"{folder.name}.partial")
    downloads = folder.with_name(f"{folder.name}.downloads")
    for leftover in (partial, downloads):
        shutil.rmtree(leftover, ignore_errors=True)
        leftover.mkdir(parents=True)
    say(f"Fetching {bundle.name}: {', '.join([*names, *libraries])}")
    apt.download([*names, *libraries], downloads)
    files = sorted(downloads.glob("*.deb"))
    for file in files:
        unpack(file, partial)
    for path in _NOT_NEEDED:
        shutil.rmtree(partial / path, ignore_errors=True)
    for bitcode in partial.glob("usr/lib/postgresql/*/lib/bitcode"):
        shutil.rmtree(bitcode)
    for program, path in bundle.built_in_paths:
        _make_relative(partial / program, path)
    marker = {"definition": _definition(bundle), "packages": [file.stem for file in files]}
    (partial / _COMPLETE).write_text(json.dumps(marker, indent=2))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    shutil.rmtree(downloads)
    say(f"Unpacked {bundle.name} into {folder}")


def _make_relative(program: Path, path: str) -> None:
    """Let a program look for a path of the system below its working folder instead: ``/usr/x`` becomes ``usr/x/``.

    Debian's Alertmanager reads its templates from a fixed place and does not start without them (upstream carries
    them inside). Both spellings have the same length, so everything else in the file stays where it is.
    """
    content = program.read_bytes()
    program.write_bytes(content.replace(path.encode(), f"{path[1:]}/".encode()))


def _first_that_exists(apt: PrivateApt, names: Sequence[str]) -> str | None:
    return next((name for name in names if apt.exists(name)), None)


def _is_library(package: str) -> bool:
    if package.startswith(_NEVER_LOADED) or package.endswith(("-perl", "-dev", "-bin")):
        return False
    return package.startswith("lib")


def _definition(bundle: Bundle) -> str:
    return hashlib.sha256(repr((bundle.packages, bundle.optional, bundle.built_in_paths)).encode()).hexdigest()[:16]


@contextmanager
def lock() -> Iterator[None]:
    """Keep all other processes that use the cache folder from writing to it."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process fills the cache of servers; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m watchword.debian_packages [BUNDLE…]``."""
    parser = argparse.ArgumentParser(
        prog="python -m watchword.debian_packages",
        description="Fetch Debian's packages of servers into a private folder. Nothing is installed, no root needed.",
        epilog="Example: python -m watchword.debian_packages alertmanager",
    )
    parser.add_argument("bundle", nargs="*", help=f"of {', '.join(BUNDLES)}; every server when silent")
    parser.add_argument("--quiet", action="store_true", help="say nothing when everything is there already")
    given = parser.parse_args(arguments)
    names = given.bundle or SERVERS
    if unknown := set(names) - set(BUNDLES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(BUNDLES)}")
    try:
        fetch(names)
    except PackagesUnavailable as error:
        say(str(error))
        return 1
    if not given.quiet:
        for name in names:
            say(f"{name}: {bundle_folder(name)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
