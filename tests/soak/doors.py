"""The doors before the Alertmanagers, which the stages go through and the referee does not: open, slow to answer, late
to act, refusing, losing answers, or shut as the port of a dead process is.
"""

import asyncio
from dataclasses import dataclass

from tests.faults.http_faults import CUT_ANSWER, Fault, Proxy, answers
from tests.soak.children import LOCALHOST, free_port

SLOW_SECONDS = 20.0


@dataclass
class Door:
    """The door before one Alertmanager."""

    proxy: Proxy
    port: int
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where the stages find the Alertmanager."""
        return f"http://{LOCALHOST}:{self.port}"

    async def open(self) -> None:
        """Take connections; nothing is done to them."""
        self.well()
        if self._server is None:
            self._server = await asyncio.start_server(self.proxy.serve, LOCALHOST, self.port)

    async def shut(self) -> None:
        """Refuse connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.proxy.end()

    def unwell(self, kind: str, status: int) -> None:
        """Do at once what is asked for and answer late, do it late, refuse, or lose answers from now on."""
        how = {
            "slow": Fault(answers_after_seconds=SLOW_SECONDS),
            "late": Fault(wait_seconds=SLOW_SECONDS),
            "lose": CUT_ANSWER,
        }.get(kind) or answers(status)
        self.proxy.rule = lambda _: how

    def well(self) -> None:
        """Pass everything on as it is."""
        self.proxy.rule = lambda _: None
        self.proxy.requests.clear()


def door_to(url: str) -> Door:
    """Return a door before an Alertmanager, not open yet."""
    return Door(Proxy(url), free_port())
