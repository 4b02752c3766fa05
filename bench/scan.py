"""How long does ``watchword scan`` take for the whole library of an engine, start of the command included? On a fresh
server of each kind, beside what Python itself, one driver and the bare command take. Run with ``python -m bench.scan``;
prints milliseconds.
"""

import resource
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from examples.servers.mariadb import mariadb
from examples.servers.mongodb import mongodb
from examples.servers.postgresql import postgresql

TIMES = 10
PROGRAM = str(Path(sys.executable).parent / "watchword")
DRIVER = "import asyncio, psycopg"


def measured(command: list[str]) -> tuple[float, float]:
    """Return what a command took: by the clock, and of processors."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took * 1000, used * 1000


def main() -> None:
    with ExitStack() as servers:
        fresh = [servers.enter_context(start()) for start in (postgresql, mariadb, mongodb)]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            f'python -c "{DRIVER}"': [sys.executable, "-c", DRIVER],
            "watchword --version": [PROGRAM, "--version"],
            **{f"watchword scan, {server.engine}": [PROGRAM, "scan", server.dsn] for server in fresh},
        }
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for number in range(TIMES + 1):
            for name, command in commands.items():
                one = measured(command)
                if number:  # the first fills caches
                    took[name].append(one)
    driver = statistics.median(clock for clock, _ in took[f'python -c "{DRIVER}"'])
    for name, times in took.items():
        clock = statistics.median(one for one, _ in times)
        least = min(one for one, _ in times)
        used = statistics.median(one for _, one in times)
        print(
            f"{name:<40} median {clock:7.0f} ms   least {least:7.0f} ms   processors {used:7.0f} ms   "
            f"{clock / driver:5.1f} times the driver"
        )


if __name__ == "__main__":
    main()
