"""Backups as ``nats stream backup`` and ``nats stream restore`` make them and put them back: through JetStream's API,
with the consumers in them, while the servers run. In a cluster there is no other way.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client

from shared.streams import streams

_PATIENCE_SECONDS = 20.0
_CHUNK_BYTES = 64 * 1024
_NO_PLACE = 10005


class NoRoom(RuntimeError):
    """No server has room for a stream."""


@dataclass(frozen=True)
class Snapshot:
    """A stream as it was."""

    config: dict[str, Any]
    state: dict[str, Any]
    chunks: list[bytes]


async def save_all(client: Client) -> list[Snapshot]:
    """Return all our streams and buckets as they are now."""
    return [await save(client, config.name or "") for config in streams()]


async def put_all_back(client: Client, snapshots: Sequence[Snapshot]) -> None:
    """Put back one after the other, while everybody works."""
    for snapshot in snapshots:
        await put_back(client, snapshot)


async def save(client: Client, stream: str) -> Snapshot:
    """Return a stream as it is now, with its consumers."""
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    wish = {"deliver_subject": inbox, "chunk_size": _CHUNK_BYTES}
    told = await _ask(client, f"STREAM.SNAPSHOT.{stream}", wish)
    chunks = []
    while (chunk := await subscription.next_msg(_PATIENCE_SECONDS)).data:
        chunks.append(chunk.data)
        if chunk.reply:
            await client.publish(chunk.reply)
    await subscription.unsubscribe()
    return Snapshot(told["config"], told["state"], chunks)


async def put_back(client: Client, snapshot: Snapshot) -> None:
    """Delete a stream and make it again as it was."""
    name = snapshot.config["name"]
    await _ask(client, f"STREAM.DELETE.{name}", {})
    wish = {"config": snapshot.config, "state": snapshot.state}
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            told = await _ask(client, f"STREAM.RESTORE.{name}", wish)
            break
        except NoRoom:  # members of a cluster take some time to tell that they have deleted it
            if time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(0.2)
    for chunk in snapshot.chunks:
        await client.request(told["deliver_subject"], chunk, timeout=_PATIENCE_SECONDS)
    _said(name, (await client.request(told["deliver_subject"], b"", timeout=_PATIENCE_SECONDS)).data)


async def _ask(client: Client, what: str, body: dict[str, Any]) -> dict[str, Any]:
    return _said(what, (await client.request(f"$JS.API.{what}", json.dumps(body).encode(), _PATIENCE_SECONDS)).data)


def _said(what: str, data: bytes) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(data)
    if "error" in told:
        message = f"{what}: {told['error']}"
        raise (NoRoom if told["error"]["err_code"] == _NO_PLACE else RuntimeError)(message)
    return told
