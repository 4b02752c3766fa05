"""What do the Alertmanagers show? Read over plain HTTP, as any page or tool of a person would. One that does not answer
is simply not in the answer.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from tests.soak.comparing import Shown, Silence
from tests.soak.verdicts import seconds

_ANSWER_SECONDS = 4.0


class Alertmanagers:
    """All members of the cluster, by their names."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        self._client = httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def alerts(self) -> dict[str, list[Shown]]:
        """Return the alerts of each member that answers."""
        answers = await self._all("/api/v2/alerts")
        return {member: [_alert(one) for one in shown] for member, shown in answers.items()}

    async def silences(self) -> dict[str, list[Silence]]:
        """Return the living silences of each member that answers."""
        answers = await self._all("/api/v2/silences")
        return {
            member: [_silence(one) for one in shown if one["status"]["state"] != "expired"]
            for member, shown in answers.items()
        }

    async def _all(self, path: str) -> dict[str, list[Any]]:
        answers = await asyncio.gather(*(self._get(f"{url}{path}") for url in self._urls.values()))
        return {member: shown for member, shown in zip(self._urls, answers, strict=True) if shown is not None}

    async def _get(self, url: str) -> list[Any] | None:
        try:
            response = await self._client.get(url)
            response.raise_for_status()
            return list(response.json())
        except (httpx.HTTPError, ValueError):
            return None


def _alert(shown: Mapping[str, Any]) -> Shown:
    status = shown["status"]
    return Shown(shown["labels"], seconds(shown["startsAt"]), status["state"] == "suppressed", shown["fingerprint"])


def _silence(shown: Mapping[str, Any]) -> Silence:
    matchers = frozenset(
        (str(one["name"]), str(one["value"]))
        if one.get("isEqual", True) and not one["isRegex"]
        else (str(one["name"]), f"not plain: {one}")
        for one in shown["matchers"]
    )
    return Silence(matchers, str(shown["comment"]), str(shown["createdBy"]))
