"""How a process connects to NATS: the options that every connection of ours uses, from the settings. Reconnecting never
ends, what the server complains about is logged (a denied subject is told nowhere else), and no URL with a password ever
reaches a log.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import nats
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError
from pydantic import SecretStr

from shared.ending import end
from shared.errors import NatsUnavailable
from shared.settings import ProcessSettings

log = structlog.get_logger(__name__)

REPEAT_SECONDS = 30.0
CLOSE_SECONDS = 5.0
"""What closing a connection may take; what was published was acknowledged long before."""


def servers(settings: ProcessSettings) -> list[str]:
    """Return the addresses of the NATS servers."""
    return [address.strip() for address in settings.nats_url.split(",") if address.strip()]


def without_password(url: str) -> str:
    """Return a URL that may be shown."""
    parts = urlsplit(url)
    if parts.username is None and parts.password is None:
        return url
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    place = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, f"***@{place}", parts.path, parts.query, parts.fragment))


def complaints() -> Callable[[Exception], Awaitable[None]]:
    """Return a callback that logs what the client or the server complains about; the same again once in 30 s only."""
    logged_at: dict[str, float] = {}

    async def complain(error: Exception) -> None:
        text = str(error) or type(error).__name__
        now = time.monotonic()
        for old in [said for said, at in logged_at.items() if now - at >= REPEAT_SECONDS]:
            del logged_at[old]
        if text not in logged_at:
            logged_at[text] = now
            log.warning("NATS complains", error=text, kind=type(error).__name__)

    return complain


def manners(settings: ProcessSettings, name: str) -> dict[str, Any]:
    """Return how a connection behaves, whoever we are: keyword arguments for nats-py and FastStream's broker alike."""
    return {
        "name": name,
        "connect_timeout": 2,
        "reconnect_time_wait": 0.25,
        "max_reconnect_attempts": -1,
        "ping_interval": 20,
        "max_outstanding_pings": 2,
        "error_cb": complaints(),
        "inbox_prefix": settings.nats_inbox_prefix,
        "pending_size": 16 * 1024 * 1024,
    }


def options(settings: ProcessSettings, name: str) -> dict[str, Any]:
    """Return all keyword arguments of a connection with nats-py."""
    chosen = manners(settings, name)
    if settings.nats_credentials is not None:
        chosen["user_credentials"] = str(settings.nats_credentials)
    elif settings.nats_user is not None:
        chosen |= {"user": settings.nats_user, "password": secret_text(settings.nats_password)}
    elif settings.nats_token is not None:
        chosen["token"] = secret_text(settings.nats_token)
    context = tls_context(settings)
    if context is not None:
        chosen["tls"] = context
    return chosen


def secret_text(value: SecretStr | None) -> str:
    """Return a secret as the client wants it."""
    return value.get_secret_value() if value else ""


def tls_context(settings: ProcessSettings) -> ssl.SSLContext | None:
    """Return how the connection is protected beyond what the URL asks for; None when nothing is configured."""
    if settings.nats_ca_file is None and settings.nats_cert_file is None:
        return None
    context = ssl.create_default_context(cafile=str(settings.nats_ca_file) if settings.nats_ca_file else None)
    if settings.nats_cert_file is not None:
        context.load_cert_chain(settings.nats_cert_file, settings.nats_key_file)
    return context


@contextlib.asynccontextmanager
async def connected(settings: ProcessSettings, name: str) -> AsyncIterator[Client]:
    """Connect for a short while, for a command. Raises ``NatsUnavailable`` with what to do when nothing answers."""
    shown = ", ".join(without_password(address) for address in servers(settings))
    try:
        client = await nats.connect(servers(settings), **{**options(settings, name), "max_reconnect_attempts": 2})
    except (NatsError, NoServersError, OSError, TimeoutError) as unreachable:
        reason = str(unreachable) or type(unreachable).__name__
        message = (
            f"no NATS server answers at {shown} ({reason}). Start one with `watchword up`, or say where it is with "
            "--nats-url or WATCHWORD_NATS_URL."
        )
        raise NatsUnavailable(message) from None
    try:
        yield client
    finally:
        await close(client)


async def close(client: Client) -> None:
    """Close a connection, in bounded time: nats-py may lose a cancellation while it closes, and then wait for ever."""
    closing = asyncio.create_task(client.close())
    try:
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if not closing.done():
            log.warning("left a connection to NATS behind: it did not close", seconds=CLOSE_SECONDS)
    finally:
        await end(closing)
