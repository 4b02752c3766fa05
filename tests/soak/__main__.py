"""``python -m tests.soak``: run the stages around a referee that alone knows the truth, harm them, and compare.

SOAK_MINUTES=10    how long (the last round is finished)
SEED=…             what happens, in which order; chosen and printed when silent
CLUSTER=1 or 0     three NATS servers with replicated streams, or one; by the seed's last bit when silent
SOAK_FOLDER=…      where logs, journal and record go
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import yaml

from examples.servers.mariadb import mariadb
from examples.servers.postgresql import postgresql
from tests.soak.alertmanagers import Alertmanagers
from tests.soak.children import run
from tests.soak.databases import Databases
from tests.soak.doing import Hands
from tests.soak.doors import door_to
from tests.soak.harming import Harm
from tests.soak.house import House
from tests.soak.journal import Journal
from tests.soak.plan import Planner
from tests.soak.record import Record
from tests.soak.referee import Soak, declare
from tests.soak.truth import Truth
from tests.soak.watching import Watcher
from tests.soak.weaknesses import CHECK_FILE, places
from tests.soak.wire import connected

POSTGRESQL_PLACES, MYSQL_PLACES = 16, 12
_CHECKS = Path(__file__).parents[2] / "checks"


def built_in_checks() -> list[str]:
    """Return the names of the checks that come with Watchword: all are switched off, for their truth is not known."""
    names = []
    for path in sorted(_CHECKS.rglob("*.yml")):
        if not path.name.endswith(".test.yml"):
            names += [check["name"] for part in yaml.safe_load_all(path.read_text()) for check in part["checks"]]
    return names


def say(line: str) -> None:
    """Show how far it is."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')}  {line}\n")
    sys.stdout.flush()


async def soak(seed: int, minutes: float, is_cluster: bool | None, folder: Path) -> bool:
    """Run one soak and write its record; say whether nothing was wrong."""
    all_places = places(POSTGRESQL_PLACES, MYSQL_PLACES)
    planner = Planner(seed, all_places)
    house = House(folder, planner.chooses_cluster() if is_cluster is None else is_cluster)
    record = Record(seed, minutes, house.is_cluster, len(all_places))
    (folder / "checks.yml").write_text(CHECK_FILE)
    journal = Journal(folder / "journal.jsonl")
    say(f"seed {seed}, {minutes:g} minutes, {house.replicas} NATS, {len(all_places)} targets; logs are in {house.logs}")
    with ExitStack() as servers:
        databases = Databases(servers.enter_context(postgresql()), servers.enter_context(mariadb()))
        servers.callback(journal.close)
        servers.callback(house.stop)
        await asyncio.to_thread(databases.prepare, all_places)
        house.start_servers()
        await asyncio.to_thread(declare, house, run)
        wire = await connected(house.nats_url_of_the_referee)
        doors = [door_to(url) for url in house.alertmanager_urls]
        for door in doors:
            await door.open()
        alertmanagers = Alertmanagers({house.member(at): url for at, url in enumerate(house.alertmanager_urls)})
        truth = Truth(planner.inventory)
        watcher = Watcher(truth, wire, alertmanagers, journal, record)
        hands = Hands(
            truth=truth,
            seen=watcher.seen,
            wire=wire,
            databases=databases,
            journal=journal,
            record=record,
            folder=folder,
            dsn_of=databases.dsn_of(all_places),
            alertmanager_urls=[door.url for door in doors],
            built_in=built_in_checks(),
            environment=lambda: house.environment,
        )
        harm = Harm(house, doors, databases, wire, watcher.seen, journal, record)
        whole = Soak(house, planner, hands, harm, watcher, alertmanagers, journal, record, say)
        try:
            await whole.run(minutes)
        finally:
            text = record.as_json(whole.counts())
            (folder / "record.json").write_text(text)
            for door in doors:
                await door.shut()
            await alertmanagers.close()
            await wire.close()
    say(text)
    say(f"seed {seed}: {'WRONG' if record.failures else 'all agreed'}; record, journal and logs are in {folder}")
    return not record.failures


def main() -> int:
    """Read the environment and run."""
    minutes = float(os.environ.get("SOAK_MINUTES") or 10)
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))
    cluster = os.environ.get("CLUSTER")
    folder = Path(os.environ.get("SOAK_FOLDER") or tempfile.mkdtemp(prefix="watchword-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    is_cluster = None if not cluster else cluster not in {"0", "no", "false"}
    return 0 if asyncio.run(soak(seed, minutes, is_cluster, folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
