"""The checks that come with Watchword: where their files are, and the checks that stand in them. In an installed wheel
they lie inside the package, in a checkout in the folder ``checks`` beside it. A built-in check that can't be read is a
broken installation, so it raises instead of being reported like a file of somebody else.
"""

from functools import cache
from pathlib import Path

import watchword
from shared.check_files.reading import Reading, read_checks
from shared.checks import Check, Engine
from shared.errors import WatchwordError

_PACKAGE = Path(watchword.__file__).parent
_INSTALLED = _PACKAGE / "builtin_checks"
_CHECKOUT = _PACKAGE.parent / "checks"


class BuiltInChecksBroken(WatchwordError):
    """The checks that come with Watchword are missing or can't be read: the installation is incomplete."""


def built_in_folder() -> Path:
    """Return the folder of the built-in check files."""
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    if not folder.is_dir():
        message = f"the built-in checks are neither in {_INSTALLED} nor in {_CHECKOUT}; install watchword again"
        raise BuiltInChecksBroken(message)
    return folder


def read_built_in_files() -> Reading:
    """Read the built-in check files, with all their problems, for the linter and the tests."""
    return read_checks([built_in_folder()])


@cache
def built_in_checks() -> tuple[Check, ...]:
    """Return the built-in checks in the order of their names. They are read once for each process."""
    return _sound(read_built_in_files())


@cache
def built_in_checks_of(engine: Engine) -> tuple[Check, ...]:
    """Return the built-in checks of one engine in the order of their names. Only the files of its folder are read."""
    return _sound(read_checks([built_in_folder() / engine]))


def _sound(reading: Reading) -> tuple[Check, ...]:
    if reading.errors:
        lines = "\n".join(str(problem) for problem in reading.errors)
        message = f"built-in checks can't be read; install watchword again:\n{lines}"
        raise BuiltInChecksBroken(message)
    checks = (check.model_copy(update={"source": "built-in"}) for check in reading.checks)
    return tuple(sorted(checks, key=lambda check: check.name))
