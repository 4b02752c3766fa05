"""One module for each engine: connect, execute one query, return rows. Their protocol is in ``protocol.py``. The module
of an engine is loaded with the first connection to a server of its kind, for each driver takes a quarter of a second;
a process that must answer at once loads them all when it starts (``load_all``).
"""

import importlib
from collections.abc import Iterator, Mapping

from services.checker.engines.protocol import Connect, Connection, Limits, Login
from shared.checks import ENGINES, Engine


def load_all() -> None:
    """Load every engine now, so that the first connection need not wait for it."""
    for engine in ENGINES:
        load(engine)


def load(engine: Engine) -> object:
    """Load one engine, and return its module."""
    return importlib.import_module(f"{__name__}.{engine}")


class _Connects(Mapping[Engine, Connect]):
    """How a connection to a target of each engine is opened."""

    def __getitem__(self, engine: Engine) -> Connect:
        if engine not in ENGINES:
            raise KeyError(engine)

        async def connect(login: Login, limits: Limits) -> Connection:
            opened: Connection = await load(engine).connect(login, limits)  # type: ignore[attr-defined] # each has it
            return opened

        return connect

    def __iter__(self) -> Iterator[Engine]:
        return iter(ENGINES)

    def __len__(self) -> int:
        return len(ENGINES)


CONNECTS: Mapping[Engine, Connect] = _Connects()
"""How a connection to a target of each engine is opened."""
