"""What is really weak, for tests that compare it with what stands in Alertmanager: a table whose rows are weaknesses, a
check that finds each row, and one that takes its time.
"""

from dataclasses import dataclass
from typing import Any

import psycopg

from examples.servers.database import DatabaseServer

PASSES = "def check_context(docs, context):\n  return []\n"
SEES = """
def check_context(docs, context):
  return [{"summary": "weak", "severity": "warning", "labels": {"row": str(row["id"])}} for row in docs[0]]
"""


@dataclass
class Truth:
    """A table of weaknesses that a check reads."""

    server: DatabaseServer
    name: str

    def __post_init__(self) -> None:
        self.execute(f"DROP TABLE IF EXISTS {self.name}")
        self.execute(f"CREATE TABLE {self.name} (id int)")

    def execute(self, statement: str) -> None:
        place = {"host": self.server.host, "port": self.server.port, "user": self.server.user, "dbname": "postgres"}
        with psycopg.connect(**place, autocommit=True) as connection:  # type: ignore[arg-type]  # mypy can't see through **
            connection.execute(statement)  # type: ignore[call-overload]  # psycopg asks for a literal

    def weaken(self, number: int) -> None:
        self.execute(f"INSERT INTO {self.name} VALUES ({number})")

    def repair(self) -> None:
        self.execute(f"DELETE FROM {self.name}")

    def query(self, delay_seconds: float = 0) -> dict[str, Any]:
        # pg_sleep is refused before it is sent; counting takes time, too.
        rows = int(delay_seconds * 4_000_000)
        waiting = f", (SELECT count(*) FROM generate_series(1, {rows})) AS waited" if rows else ""
        return {"type": "POSTGRESQL_SELECT", "text": f"id{waiting} FROM {self.name}"}
