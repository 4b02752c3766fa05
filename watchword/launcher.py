"""How does a server that we start end together with us, even when we are killed? This small program becomes the
server: it gives up root when asked to, tells the kernel which signal the server gets when its parent dies, and then
replaces itself with the server's command. It is run as a script, isolated from the environment and without
site-packages, so that it costs some 15 ms; it guarantees that there is never a server without its parent, and leaves
everything else to ``processes.py``.

    python -I -S launcher.py PARENT_PID SIGNAL USER_OR_DASH COMMAND ARGUMENT…
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
COULD_NOT_START = 127


def main(arguments: list[str]) -> int:
    """Become the command; come back only when that is impossible."""
    parent, death_signal, user, *command = arguments
    if user != "-":
        account = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
    # A change of user clears the parent death signal, so it comes after; and the parent may have died before it.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        return COULD_NOT_START
    # What Python ignores for itself is inherited by the server otherwise.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
    return COULD_NOT_START


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
