"""One module for each engine: connect, execute one query, return rows. Their protocol is in ``protocol.py``."""

from collections.abc import Mapping

from services.checker.engines import mongodb, mysql, postgresql
from services.checker.engines.protocol import Connect
from shared.checks import Engine

CONNECTS: Mapping[Engine, Connect] = {
    "postgresql": postgresql.connect,
    "mysql": mysql.connect,
    "mongodb": mongodb.connect,
}
"""How a connection to a target of each engine is opened."""
