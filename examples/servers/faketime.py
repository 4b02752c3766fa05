"""A clock that goes wrong: the environment with which a program sees a time that differs from everybody else's, by
Debian's libfaketime. Only the wall's clock is put forward or back; what counts seconds (timeouts, leases) goes on as
it is, as it does on a machine whose time was never set.
"""

from pathlib import Path

from watchword.debian_packages import bundle_folder
from watchword.processes import ServerProgramMissing


def clock_off_by(seconds: int) -> dict[str, str]:
    """Return the environment for a process whose clock is so many seconds ahead; below zero: behind."""
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME": f"{seconds:+d}s",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # the same, as newer versions call it
    }


def _library() -> Path:
    for root in (bundle_folder("faketime"), Path("/")):
        for found in sorted(root.glob("usr/lib/*-linux-gnu/faketime/libfaketimeMT.so.1")):
            return found
    raise ServerProgramMissing(
        "There is no libfaketime on this machine. Fetch it into a private folder with "
        "`python -m watchword.debian_packages faketime`, or install Debian's package libfaketime."
    )
