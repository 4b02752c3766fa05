"""Which module connects to which engine."""

import importlib

from services.checker.engines.protocol import Connect
from shared.checks import Engine


def connect(engine: Engine) -> Connect:
    """Return how a connection to an engine is opened."""
    return importlib.import_module(f"services.checker.engines.{engine}").connect
