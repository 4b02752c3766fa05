"""``python -m examples.servers fetch``: get the servers that no wheel carries, so that later starts take no time."""

import sys

from watchword import debian_packages

_USAGE = """\
usage: python -m examples.servers fetch [--quiet] [SERVER ...]

Unpack Debian's packages of the servers that the demo and the tests start into a private folder. Nothing is
installed, no root is needed. What is there already costs nothing.
"""


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if arguments[:1] == ["fetch"]:
        return debian_packages.main(arguments[1:])
    sys.stderr.write(_USAGE)
    return 0 if arguments in (["-h"], ["--help"]) else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
