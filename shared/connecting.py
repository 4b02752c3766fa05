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

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError, StaleConnectionError
from pydantic import SecretStr

from shared.ending import end
from shared.errors import NatsUnavailable
from shared.headers import read_headers
from shared.settings import ProcessSettings
from shared.straight import StraightClient

log = structlog.get_logger(__name__)

REPEAT_SECONDS = 30.0
PING_SECONDS = 4
"""How often a server is asked whether it lives. One whose packets are dropped is left after the third time, well within
the time for which publishing is repeated.
"""
CLOSE_SECONDS = 5.0
"""What closing a connection may take; what was published was acknowledged long before."""


class NotEncrypted(NatsError):
    """A server offers no TLS although we are to use it."""


class SafeClient(StraightClient):
    """nats-py's, which does not go on in clear where TLS was asked for. Its own takes the server's word for it, so
    whoever stands between could have the password told by leaving TLS out of the server's greeting.
    """

    must_encrypt = False

    def _connect_command(self) -> bytes:
        # The last moment before who we are is said.
        if self.must_encrypt and not self._server_info.get("tls_required"):
            message = (
                "the server offers no TLS, and we are to use it (WATCHWORD_NATS_URL begins with tls:, or a certificate "
                "is configured); switch it on at the server, or find out who answers there"
            )
            raise NotEncrypted(message)
        return super()._connect_command()

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        return read_headers(raw)

    async def _process_op_err(self, e: Exception) -> None:
        # nats-py closes the old connection and waits until the other side has taken what is still to be sent (and, with
        # TLS, has said goodbye): one that answers nothing would keep us from going to another server.
        if isinstance(e, StaleConnectionError) and self.is_connected:
            self.sever()
        await super()._process_op_err(e)

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:
            self.sever()  # nats-py leaves it open: one more with each try, while a server lets us in and says nothing
            raise

    def sever(self) -> None:
        """End the connection at once; what waits to be sent on it is lost."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    def abandon(self) -> None:
        """Close what a failed connection left open, without waiting for the other side."""
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]  # nats-py leaves it out


async def connect(settings: ProcessSettings, **chosen: Any) -> Client:
    """Connect with nats-py's keyword arguments; by TLS or not at all where the settings ask for it. What is wrong with
    TLS is raised at once: nats-py would try again, and hang when it closes a connection whose handshake failed.
    """
    client = SafeClient()
    client.must_encrypt = must_encrypt(settings)
    complain = chosen.get("error_cb")

    async def heed(error: Exception) -> None:
        if complain is not None:
            await complain(error)
        if isinstance(error, NotEncrypted | ssl.SSLError) and not client.is_reconnecting:
            raise error

    try:
        await client.connect(**{**chosen, "error_cb": heed})
    except BaseException:
        client.abandon()
        raise
    return client


def must_encrypt(settings: ProcessSettings) -> bool:
    """Say whether the settings ask for TLS."""
    has_scheme = any(address.startswith(("tls:", "wss:")) for address in servers(settings))
    return has_scheme or settings.nats_ca_file is not None or settings.nats_cert_file is not None


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
        "ping_interval": PING_SECONDS,
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


def unavailable(shown: str, why: Exception) -> str:
    """Return why nobody could be connected to, and what to do."""
    reason = str(why) or type(why).__name__
    if isinstance(why, ssl.SSLCertVerificationError):
        return (
            f"the NATS server at {shown} shows a certificate that can't be trusted ({why.verify_message}). Name the "
            "authority that signed it in WATCHWORD_NATS_CA_FILE, and the server as its certificate does in "
            "WATCHWORD_NATS_URL."
        )
    if isinstance(why, NotEncrypted | ssl.SSLError):
        return f"no safe connection to the NATS server at {shown}: {reason}"
    return (
        f"no NATS server answers at {shown} ({reason}). Start one with `watchword up`, or say where it is with "
        "--nats-url or WATCHWORD_NATS_URL."
    )


@contextlib.asynccontextmanager
async def connected(settings: ProcessSettings, name: str) -> AsyncIterator[Client]:
    """Connect for a short while, for a command. Raises ``NatsUnavailable`` with what to do when nothing answers."""
    shown = ", ".join(without_password(address) for address in servers(settings))
    chosen = options(settings, name)
    chosen |= {"servers": servers(settings), "max_reconnect_attempts": 2}
    try:
        client = await connect(settings, **chosen)
    except (NatsError, NoServersError, OSError, TimeoutError) as why:
        raise NatsUnavailable(unavailable(shown, why)) from None
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
