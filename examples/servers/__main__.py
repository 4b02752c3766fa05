"""``python -m examples.servers fetch``: get the servers that no wheel carries, so that later starts take no time."""

import argparse
import sys

from watchword import debian_packages


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m examples.servers",
        description="The real servers of the demo and the tests.",
        epilog="Example: python -m examples.servers fetch",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser(
        "fetch",
        help="unpack Debian's packages of the servers into a private folder; nothing is installed, no root is needed",
    )
    fetch.add_argument("bundle", nargs="*", help=f"of {', '.join(debian_packages.BUNDLES)}; all when silent")
    return debian_packages.main(parser.parse_args().bundle)


if __name__ == "__main__":
    sys.exit(main())
