"""The three databases of the demo, on free ports of this machine: real servers with the weaknesses of every day. Each
has an account for Watchword with a password that only this process and the checker's environment know.
"""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pymysql
import yaml
from psycopg import sql

from examples.servers.database import DatabaseServer
from examples.servers.mariadb import mariadb
from examples.servers.mongodb import mongodb
from examples.servers.postgresql import postgresql
from watchword.check_files.library import built_in_checks
from watchword.monitoring_account import account

PASSWORD_VARIABLE = "WATCHWORD_SECRET_DEMO"


@dataclass(frozen=True)
class Fleet:
    """The running databases and the password of Watchword's account on them."""

    orders: DatabaseServer
    shop: DatabaseServer
    sessions: DatabaseServer
    password: str

    def on_orders(self, statement: str) -> None:
        """Execute one statement on PostgreSQL, as its administrator."""
        with psycopg.connect(
            host=self.orders.host, port=self.orders.port, user=self.orders.user, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql.SQL(statement))  # type: ignore[arg-type] # the demo's own texts

    def on_shop(self, statement: str, *values: str) -> None:
        """Execute one statement on MariaDB, as its administrator."""
        with (
            pymysql.connect(host=self.shop.host, port=self.shop.port, user=self.shop.user) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, values)


@contextlib.contextmanager
def running_fleet() -> Iterator[Fleet]:
    """Start the databases, create Watchword's accounts, and stop everything at the end."""
    with postgresql() as orders, mariadb() as shop, mongodb() as sessions:
        fleet = Fleet(orders, shop, sessions, secrets.token_urlsafe(16))
        fleet.on_orders(f"CREATE ROLE watchword LOGIN PASSWORD '{fleet.password}'")
        for grant in _grants("postgresql"):
            fleet.on_orders(grant)
        fleet.on_shop(f"CREATE USER watchword@'{shop.host}' IDENTIFIED BY %s", fleet.password)
        for grant in _grants("mariadb", shop.host):
            fleet.on_shop(grant)
        yield fleet


def _grants(flavour: str, host: str = "") -> tuple[str, ...]:
    """Return what ``watchword account`` prints after the statement that creates the account."""
    return account(built_in_checks(), flavour, host=host).statements[1:]


def write_inventory(fleet: Fleet, path: Path) -> None:
    """Write the inventory. Its passwords are references; the value is in the checker's environment."""
    password = {"env": PASSWORD_VARIABLE}
    production = {"environment": "production"}

    def place(server: DatabaseServer) -> dict[str, object]:
        return {"engine": server.engine, "host": server.host, "port": server.port, "labels": production}

    login = {"user": "watchword", "password": password}
    targets = [
        {"name": "orders-db", **place(fleet.orders), **login, "database": "postgres"},
        {"name": "shop-db", **place(fleet.shop), **login},
        {"name": "sessions-db", **place(fleet.sessions)},
    ]
    path.write_text(yaml.safe_dump({"targets": targets}, sort_keys=False))
