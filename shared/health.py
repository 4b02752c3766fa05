"""Telling others how a process is: ``/healthz`` (it runs), ``/readyz`` (it really consumes, and its view is current;
otherwise 503 with one line for each reason and what to do), ``/metrics`` for Prometheus. One small HTTP server for each
process, or one for all stages of ``watchword up``.
"""

import asyncio
import contextlib
import errno
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import uvicorn
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from shared.errors import WatchwordError
from shared.telemetry import READY

Problems = Callable[[], Sequence[str]]
"""What keeps a stage from being ready, for people; empty when it is."""

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class PortInUse(WatchwordError):
    """The HTTP port is taken by another program; choose another one."""


class AddressUnusable(WatchwordError):
    """The HTTP address is not one of this machine, or its port may not be used."""


def health_application(
    stages: Mapping[str, Problems], registry: CollectorRegistry = REGISTRY
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return an ASGI application that answers for these stages."""

    def readiness() -> tuple[int, dict[str, Any]]:
        problems = {name: list(ask()) for name, ask in stages.items()}
        for name, found in problems.items():
            READY.labels(name).set(0 if found else 1)
        is_ready = not any(problems.values())
        return (200 if is_ready else 503), {"ready": is_ready, "stages": problems}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 (ASGI's signature)
        if scope["type"] != "http":
            return
        match scope["path"]:
            case "/healthz":
                status, content_type, body = 200, "application/json", b'{"healthy": true}\n'
            case "/readyz":
                status, answer = readiness()
                content_type, body = "application/json", (json.dumps(answer, indent=2) + "\n").encode()
            case "/metrics":
                readiness()
                status, content_type, body = 200, CONTENT_TYPE_LATEST, generate_latest(registry)
            case _:
                status, content_type, body = 404, "text/plain", b"here are /healthz, /readyz and /metrics\n"
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as refused:
        if refused.errno == errno.EADDRINUSE:
            message = f"port {port} on {host} is in use by another program; choose another one with --http-port"
            raise PortInUse(message) from None
        message = f"can't listen on port {port} of {host}: {refused.strerror}; choose others with --http-port"
        raise AddressUnusable(message) from None


@contextlib.asynccontextmanager
async def serving(
    stages: Mapping[str, Problems], host: str, port: int, registry: CollectorRegistry = REGISTRY
) -> AsyncIterator[int]:
    """Serve health on an address while the block runs, and yield the port. Raises ``PortInUse`` or
    ``AddressUnusable``.
    """
    configuration = uvicorn.Config(health_application(stages, registry), log_config=None, lifespan="off")
    listening = _listen(host, port)
    server = uvicorn.Server(configuration)
    # The signals belong to whoever runs the stage.
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve(sockets=[listening]), name="health")
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        await task
        listening.close()
