"""FastStream's broker for one process: the same connection as ``connecting.py`` makes for a command, with who we are
and how it is protected written in FastStream's own words. It stands apart so that commands need not load FastStream.
"""

from types import TracebackType

from faststream.nats import NatsBroker, NatsCredentials, NatsSecurity, NatsToken, NatsUserPassword
from nats.aio.client import Client
from nats.errors import ConnectionClosedError, ConnectionReconnectingError

from shared.connecting import connect, manners, secret_text, servers, tls_context
from shared.settings import ProcessSettings


def security(settings: ProcessSettings) -> NatsSecurity | None:
    """Return who we are and how the connection is protected, as FastStream's broker wants it; None: nobody, plainly."""
    context = tls_context(settings)
    if settings.nats_credentials is not None:
        return NatsCredentials.from_file(settings.nats_credentials, ssl_context=context)
    if settings.nats_user is not None:
        return NatsUserPassword(settings.nats_user, secret_text(settings.nats_password), ssl_context=context)
    if settings.nats_token is not None:
        return NatsToken(secret_text(settings.nats_token), ssl_context=context)
    return NatsSecurity(ssl_context=context) if context is not None else None


class _Broker(NatsBroker):
    """FastStream's, which connects as all of us do, and can also be stopped while NATS is away: its own fails, for it
    wants to drain.
    """

    ours: ProcessSettings

    async def _connect(self) -> Client:
        connection = await connect(self.ours, **self._connection_kwargs)
        self.config.connect(connection)
        return connection

    async def stop(
        self,
        exc_type: type[BaseException] | None = None,
        exc_val: BaseException | None = None,
        exc_tb: TracebackType | None = None,
    ) -> None:
        connection = self._connection
        try:
            await super().stop(exc_type, exc_val, exc_tb)
        except (ConnectionReconnectingError, ConnectionClosedError):
            if connection is not None:
                # What waits to be sent would be written to the connection that is gone, and that fails, too.
                connection._pending.clear()  # noqa: SLF001
                connection._pending_data_size = 0  # noqa: SLF001
                await connection.close()
            self._connection = None
            self.config.disconnect()


def make_broker(settings: ProcessSettings, name: str) -> NatsBroker:
    """Return a broker that is not connected yet."""
    broker = _Broker(
        servers(settings),
        security=security(settings),
        logger=None,
        apply_types=False,
        # No time for grace of its own: what was begun had it already when the subscriptions were drained.
        graceful_timeout=None,
        **manners(settings, name),
    )
    broker.ours = settings
    return broker
