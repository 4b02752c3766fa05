"""How are the silences of one Alertmanager, or of a cluster that shares them, read, made and ended? By asking one
member and going on to the next when it can't be reached. A post that may have been carried out is never repeated here:
who made it looks at what exists first, for two posts make two silences.
"""

import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import PostedSilence, ShownAlert, Silence
from shared.alertmanager_errors import AlertmanagerError, AlertmanagerRefused, AlertmanagerUnreachable
from shared.configuration import Alertmanager

Answer = TypeVar("Answer")

STARTING = dt.timedelta(seconds=30)
"""An Alertmanager forgets all alerts when it restarts, and gets them again within this time."""


class Cluster:
    """One Alertmanager of the configuration: its members, the one that answered last first."""

    def __init__(self, alertmanager: Alertmanager, *, secrets_folder: Path | None, timeout_seconds: float) -> None:
        self.name = alertmanager.name
        self.has_several_members = len(alertmanager.urls) > 1
        self._members = [
            AlertmanagerClient(
                url, alertmanager.credential, secrets_folder=secrets_folder, timeout_seconds=timeout_seconds
            )
            for url in alertmanager.urls
        ]

    async def close(self) -> None:
        """Close the connections to all members."""
        for member in self._members:
            await member.close()

    async def silences(self) -> list[Silence]:
        """Return its silences, as one member knows them. Raises ``AlertmanagerError``."""
        return await self._ask(AlertmanagerClient.get_silences, _always)

    async def make(self, silence: PostedSilence) -> str:
        """Make a silence and return its id. Raises ``AlertmanagerError``; look at ``may_have_happened``."""
        return await self._ask(lambda member: member.post_silence(silence), _nothing_happened)

    async def end(self, silence_id: str) -> None:
        """End a silence; one that is not there has ended. Raises ``AlertmanagerError``."""
        await self._ask(lambda member: member.delete_silence(silence_id), _always)

    async def alert(self, fingerprint: str, now: dt.datetime) -> ShownAlert | None:
        """Return the alert with a fingerprint, or None when none has it.

        Raises ``AlertmanagerError`` when it can't be asked, also when it has just begun and shows no alert at all.
        """

        async def shown(member: AlertmanagerClient) -> ShownAlert | None:
            alerts = await member.get_alerts()
            found = next((one for one in alerts if one.fingerprint == fingerprint), None)
            if not alerts:
                started_at = (await member.get_status()).started_at
                if started_at is not None and now - started_at < STARTING:
                    message = f"{member.url} has just started and shows no alerts yet"
                    raise AlertmanagerUnreachable(message)
            return found

        return await self._ask(shown, _always)

    async def _ask(
        self,
        ask: Callable[[AlertmanagerClient], Awaitable[Answer]],
        may_ask_next: Callable[[AlertmanagerError], bool],
    ) -> Answer:
        last: AlertmanagerError | None = None
        for member in list(self._members):
            try:
                answer = await ask(member)
            except AlertmanagerError as failed:
                if not may_ask_next(failed):
                    raise
                last = last or failed
            else:
                self._members.remove(member)
                self._members.insert(0, member)
                return answer
        if last is None:
            message = f"Alertmanager {self.name} has no members"
            raise AlertmanagerUnreachable(message)
        raise last


def _always(failed: AlertmanagerError) -> bool:  # noqa: ARG001 (reading and ending can be repeated after any failure)
    return True


def _nothing_happened(failed: AlertmanagerError) -> bool:
    return not failed.may_have_happened and not isinstance(failed, AlertmanagerRefused)
