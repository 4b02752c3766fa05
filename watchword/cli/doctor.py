"""``watchword doctor``: gathers the facts about every part of an installation, each on its own, so that one that does
not answer hides no other, and shows what they mean and what to do.
"""

import asyncio
import datetime as dt
import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime

import httpx
import typer
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.errors import NotFoundError
from rich.text import Text

from shared import connecting, subjects
from shared.alertmanager import AlertmanagerClient
from shared.alertmanager_api import AlertmanagerStatus
from shared.alertmanager_errors import AlertmanagerError
from shared.alertmanager_settings import alertmanagers_of
from shared.configuration import Alertmanager, Configuration
from shared.credentials import CredentialUnusable, authentication, tls_context
from shared.declaring import differences
from shared.errors import WatchwordError
from shared.reading import last_sequence
from shared.secrets import SecretMissing
from shared.streams import (
    CHECK_REQUESTS,
    DEAD_LETTERS,
    FRONT_DOOR,
    MUTE_REQUESTS,
    TRANSITIONS,
    Consumer,
    lane_consumer,
    streams,
)
from shared.subjects import LANES
from watchword import doctor as judging
from watchword.cli.exits import COULD_NOT_LOOK, GOOD
from watchword.cli.options import NatsUrl, Output
from watchword.cli.output import OutputFormat, clean, print_json, say
from watchword.cli.session import Session, asynchronous, session
from watchword.cli.standings import standings
from watchword.doctor import ConsumerFacts, Line

PROBE_SECONDS = 3.0
LOOKS = 4
"""A checker asks anew each second; between two questions it must not look as if it were gone."""
_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@asynchronous
async def doctor(output: Output = OutputFormat.TABLE, nats_url: NatsUrl = None) -> None:
    """Look at every part: is it there, does it work, do the clocks agree, and what is to be done.

    Ends with 3 when something is broken.

    Example: `watchword doctor`
    """
    lines = []
    async with session(nats_url) as here:
        async for line in examine(here):
            lines.append(line)
            if output is OutputFormat.TABLE:
                _show(line)
    if output is OutputFormat.JSON:
        print_json([{"level": one.level, "about": one.about, "what": one.what, "to_do": one.to_do} for one in lines])
    raise typer.Exit(COULD_NOT_LOOK if any(line.level == "fail" for line in lines) else GOOD)


def _show(line: Line) -> None:
    to_do = f"\n      → {clean(line.to_do)}" if line.to_do else ""
    text = f"  {clean(line.about)}: {clean(line.what)}{to_do}"
    say(Text.assemble((f"{line.level:4}", _STYLES[line.level]), text))


async def examine(here: Session) -> AsyncIterator[Line]:
    """Yield what is to be said about every part."""
    version = here.client.connected_server_version
    url = connecting.without_password(connecting.servers(here.settings)[0])
    yield judging.judge_server((version.major, version.minor, version.patch), url)
    if not await _answers(here):
        what = f"JetStream does not answer within {PROBE_SECONDS:g} s"
        to_do = "is it enabled, and may this account ask it? Look for permission violations in the server's log"
        yield Line("fail", "NATS", what, to_do)
        return
    for gather in (_clock_of_nats, _streams, _stages, _configuration, _dead_letters):
        async for line in _careful(gather(here)):
            yield line


async def _answers(here: Session) -> bool:
    """Say whether JetStream answers at all; what an account may not ask is met with silence."""
    try:
        await here.client.request(f"$JS.API.STREAM.INFO.{CHECK_REQUESTS}", b"", timeout=PROBE_SECONDS)
    except (NatsTimeoutError, NoRespondersError):
        return False
    return True


async def _careful(lines: AsyncIterator[Line]) -> AsyncIterator[Line]:
    """Turn what goes wrong while facts are gathered into a line of its own."""
    try:
        async for line in lines:
            yield line
    except (NatsError, WatchwordError, TimeoutError) as failed:
        yield Line("fail", "NATS", str(failed) or "no answer in 5 s; may this account ask for all of it?")


async def _clock_of_nats(here: Session) -> AsyncIterator[Line]:
    asked_at = dt.datetime.now(dt.UTC)
    answer = await here.client.request(f"$JS.API.STREAM.INFO.{CHECK_REQUESTS}", b"", timeout=5)
    said = json.loads(answer.data).get("ts")
    if said:
        its_time = dt.datetime.fromisoformat(said[:26].rstrip("Z").ljust(26, "0") + "+00:00")
        yield judging.judge_clock("NATS", its_time - asked_at)


async def _streams(here: Session) -> AsyncIterator[Line]:
    different: dict[str, list[str] | None] = {}
    for wanted in streams():
        name = wanted.name or ""
        try:
            echoed = (await here.jetstream.stream_info(name)).config
        except NotFoundError:
            different[name] = None
            continue
        wanted.num_replicas = echoed.num_replicas
        different[name] = differences(wanted, echoed)
    for line in judging.judge_streams(different):
        yield line


async def _stages(here: Session) -> AsyncIterator[Line]:
    for stage, consumer in (("checker", FRONT_DOOR), ("publisher", TRANSITIONS), ("silencer", MUTE_REQUESTS)):
        yield judging.judge_stage(stage, await _facts(here, consumer))


async def _facts(here: Session, consumer: Consumer) -> ConsumerFacts | None:
    facts = None
    for _ in range(LOOKS):
        try:
            found = await here.jetstream.consumer_info(consumer.stream, consumer.name)
        except NotFoundError:
            return None
        facts = ConsumerFacts(found.num_waiting or 0, found.num_pending or 0, found.num_ack_pending or 0)
        if facts.is_served:
            break
        await asyncio.sleep(0.2)
    return facts


async def _configuration(here: Session) -> AsyncIterator[Line]:
    configuration = await here.configuration()
    for line in judging.judge_configuration(configuration):
        yield line
    pools = Counter(target.pool for target in configuration.all_targets())
    for pool, count in sorted(pools.items()):
        lanes = dict(
            zip(LANES, await asyncio.gather(*(_facts(here, lane_consumer(lane, pool)) for lane in LANES)), strict=True)
        )
        yield judging.judge_pool(pool, count, lanes)
    async for line in _alertmanagers(here, configuration):
        yield line
    known = await standings(here)
    places = {target.name: known.get((target.engine, target.name)) for target in configuration.all_targets()}
    errors = {name: standing.errors for name, standing in places.items() if standing is not None}
    for line in judging.judge_targets(errors, [name for name, standing in places.items() if standing is None]):
        yield line


async def _alertmanagers(here: Session, configuration: Configuration) -> AsyncIterator[Line]:
    configured = alertmanagers_of(configuration, here.settings)
    if not configured:
        yield Line("fail", "Alertmanager", "none is configured", "name one as `alertmanagers` in watchword.yaml")
    for one in configured:
        answers = dict(zip(one.urls, await asyncio.gather(*(_status(here, one, url) for url in one.urls)), strict=True))
        for line in judging.judge_alertmanager(one, answers):
            yield line
        for url, answer in answers.items():
            if not isinstance(answer, str) and (difference := await _clock_of(here, one, url)) is not None:
                line = judging.judge_clock(f"Alertmanager {url}", difference)
                if line.level != "ok":
                    yield line


async def _status(here: Session, one: Alertmanager, url: str) -> AlertmanagerStatus | str:
    try:
        async with AlertmanagerClient(url, one.credential, secrets_folder=here.settings.secrets_folder) as client:
            return await client.get_status()
    except AlertmanagerError as failed:
        return str(failed)


async def _clock_of(here: Session, one: Alertmanager, url: str) -> dt.timedelta | None:
    """Return how far an Alertmanager's clock is ahead, as far as its Date header (whole seconds) tells."""
    folder = here.settings.secrets_folder
    try:
        login = authentication(url, one.credential, folder, os.environ)
        context = tls_context(url, one.credential, folder)
        async with httpx.AsyncClient(verify=context, timeout=5, trust_env=False) as client:
            response = await client.get(f"{url.rstrip('/')}/-/healthy", auth=login)
        now = dt.datetime.now(dt.UTC)
        said = parsedate_to_datetime(response.headers["date"])
    except (httpx.HTTPError, SecretMissing, CredentialUnusable, KeyError, ValueError):
        return None
    # The header has no fractions: what it says is up to a second old.
    return said + dt.timedelta(seconds=0.5) - now


async def _dead_letters(here: Session) -> AsyncIterator[Line]:
    await last_sequence(here.jetstream, DEAD_LETTERS)
    information = await here.jetstream.stream_info(DEAD_LETTERS, subjects_filter=subjects.DEAD_LETTERS)
    counts = information.state.subjects or {}
    waiting = sum(number for subject, number in counts.items() if not subjects.is_of_replay(subject))
    yield judging.judge_dead_letters(waiting)
