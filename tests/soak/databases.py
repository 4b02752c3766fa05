"""How are the databases prepared, weakened, repaired and disturbed? By plain SQL over connections of the referee's own.
A statement is repeated until the server confirms it, for the server may be in the middle of a restart; when it surely
happened is between the first try and the confirmation.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

import psycopg
import pymysql

from examples.servers.database import DatabaseServer
from tests.soak.weaknesses import Place, Weakness, statement_for, weaknesses_of

_TRY_SECONDS = 120.0
_ANSWER_SECONDS = 20


class Databases:
    """The two servers with all places on them."""

    def __init__(self, postgresql: DatabaseServer, mysql: DatabaseServer) -> None:
        self._servers = {"postgresql": postgresql, "mysql": mysql}

    def dsn_of(self, places: Iterable[Place]) -> dict[str, str]:
        """Return each place's address, with the login that looks at it."""
        return {
            place.name: f"{place.engine}://watch_{place.name}@{self._servers[place.engine].host}:"
            f"{self._servers[place.engine].port}/{place.name}"
            for place in places
        }

    def prepare(self, places: Iterable[Place]) -> None:
        """Make databases and logins; nothing is weak yet."""
        for place in places:
            if place.engine == "postgresql":
                roles = [one.value for one in weaknesses_of(place) if one.label == "role"]
                words = [f"CREATE DATABASE {place.name}", f"CREATE ROLE watch_{place.name} LOGIN"]
                for statement in (*words, *(f"CREATE ROLE {role} LOGIN" for role in roles)):
                    self._postgresql("postgres", statement)
            else:
                watcher = f"'watch_{place.name}'@'%'"
                words = [
                    f"CREATE DATABASE {place.name}",
                    f"CREATE USER {watcher}",
                    f"GRANT SELECT ON mysql.* TO {watcher}",
                    f"GRANT SELECT ON {place.name}.* TO {watcher}",
                ]
                logins = [one.value for one in weaknesses_of(place)]
                created = (f"CREATE USER '{login}'@'%' IDENTIFIED BY 'kept by the referee'" for login in logins)
                for statement in (*words, *created):
                    self._mysql(statement)

    def set(self, weakness: Weakness, *, weak: bool) -> None:
        """Make something weak or repair it, and return when the server has confirmed it."""
        statement = statement_for(weakness, make_weak=weak)
        if weakness.place.engine == "postgresql":
            _until_confirmed(lambda: self._postgresql(weakness.place.name, statement))
        else:
            _until_confirmed(lambda: self._mysql(statement))

    async def restart(self, engine: str, away_seconds: float) -> None:
        """Stop a server and start it again on its data some time later."""
        process = self._servers[engine].process
        await asyncio.to_thread(process.stop)
        await asyncio.sleep(away_seconds)
        process.spawn()  # not in a thread: it would end with it
        await asyncio.to_thread(process.wait_until_ready)

    def pause(self, engine: str) -> None:
        """Freeze a server: it takes connections and answers nothing."""
        self._servers[engine].process.pause()

    def resume(self, engine: str) -> None:
        """Let a frozen server go on."""
        self._servers[engine].process.resume()

    def end_sessions(self) -> None:
        """End every session on PostgreSQL but our own."""
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        _until_confirmed(lambda: self._postgresql("postgres", statement + " AND backend_type = 'client backend'"))

    def _postgresql(self, database: str, statement: str) -> None:
        server = self._servers["postgresql"]
        with psycopg.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            dbname=database,
            autocommit=True,
            connect_timeout=_ANSWER_SECONDS,
        ) as connection:
            connection.execute(statement.encode())

    def _mysql(self, statement: str) -> None:
        server = self._servers["mysql"]
        connection = pymysql.connect(
            host=server.host,
            port=server.port,
            user=server.user,
            autocommit=True,
            connect_timeout=_ANSWER_SECONDS,
            read_timeout=_ANSWER_SECONDS,
        )
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()


def _until_confirmed(execute: Callable[[], None]) -> None:
    deadline = time.monotonic() + _TRY_SECONDS
    while True:
        try:
            return execute()
        except (psycopg.Error, pymysql.Error, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
