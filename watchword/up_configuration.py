"""What ``watchword up`` writes into the configuration bucket before its stages start: the inventory file when there is
one, otherwise the built-in checks of this version, and the Alertmanager to use when nobody else named one. What the
last ``apply`` and what people said stays.
"""

from collections.abc import Sequence

from nats.js import JetStreamContext

from shared import subjects
from shared.checks import Check
from shared.configuration import Alertmanager, Alertmanagers, Configuration
from shared.errors import WatchwordError
from watchword.inventory.applying import ChangedMeanwhile, write_plan
from watchword.inventory.bucket import Snapshot, as_json, put, read_bucket
from watchword.inventory.planning import Action, Plan, Step, make_plan, require_targets
from watchword.inventory.reading import Inventory

AUTHOR = "watchword up"
_KEY = subjects.setting_key("file", "alertmanagers")
_TRIES = 3


class ChoicesRefused(WatchwordError):
    """What somebody wants of ``watchword up`` contradicts itself, or can't be."""


async def write_configuration(
    jetstream: JetStreamContext, inventory: Inventory | None, built_in: Sequence[Check], private_pool: str
) -> Plan:
    """Write the inventory, or the built-in checks alone, and return what changed."""
    for attempt in range(1, _TRIES + 1):
        snapshot = await read_bucket(jetstream)
        if inventory is None:
            plan = plan_built_in(built_in, snapshot)
        else:
            require_targets(inventory, snapshot)
            plan = make_plan(inventory, snapshot, private_pool)
        try:
            await write_plan(jetstream, plan)
        except ChangedMeanwhile:
            if attempt == _TRIES:
                raise
            continue
        return plan
    raise AssertionError("unreachable")  # pragma: no cover


def plan_built_in(built_in: Sequence[Check], snapshot: Snapshot) -> Plan:
    """Bring the built-in checks to this version, and leave everything else as it is."""
    wanted = {subjects.check_key(check.name): check for check in built_in}
    steps = []
    for key, check in wanted.items():
        before = snapshot.values.get(key)
        is_another = isinstance(before, Check) and before.source != check.source
        if as_json(before) != as_json(check) and not is_another:
            action: Action = "change" if key in snapshot.values else "add"
            steps.append(Step(action, "check", key, check, before, snapshot.revisions.get(key, 0)))
    for key, before in snapshot.values.items():
        if isinstance(before, Check) and before.source == "built-in" and key not in wanted:
            steps.append(Step("remove", "check", key, None, before, snapshot.revisions[key]))
    return Plan(tuple(steps))


def given_alertmanagers(urls: Sequence[str], inventory: Inventory | None) -> list[Alertmanager]:
    """Return the Alertmanagers of the command line; the members of a cluster stand in one word, with commas.

    Raises ``ChoicesRefused`` when one is not a URL, or when the inventory file names some, too.
    """
    if urls and inventory is not None and ("alertmanagers",) in inventory.settings:
        message = f"both --alertmanager-url and {inventory.file} name Alertmanagers; keep one of them"
        raise ChoicesRefused(message)
    return [_alertmanager(written) for written in urls]


def _alertmanager(written: str) -> Alertmanager:
    urls = tuple(url.strip().rstrip("/") for url in written.split(",") if url.strip())
    if not urls or not all(url.startswith(("http://", "https://")) and "@" not in url for url in urls):
        message = "--alertmanager-url is not the URL of an HTTP server; write it like http://host:9093/path"
        raise ChoicesRefused(message)
    return Alertmanager(name=urls[0].partition("://")[2], urls=urls)


def named_by_others(configuration: Configuration, inventory: Inventory | None) -> bool:
    """Say whether somebody else than ``up`` named the Alertmanagers: the file, the last ``apply``, or a person."""
    if inventory is not None and ("alertmanagers",) in inventory.settings:
        return True
    person = configuration.settings.get(("person", "alertmanagers"))
    if person is not None and person.value is not None:
        return True
    entry = configuration.settings.get(("file", "alertmanagers"))
    is_of_apply = entry is not None and entry.value is not None and entry.value.author != AUTHOR
    # A file that is applied now and names none takes back what an earlier one named.
    return is_of_apply and inventory is None


async def name_alertmanagers(jetstream: JetStreamContext, alertmanagers: Sequence[Alertmanager]) -> None:
    """Write the Alertmanagers that ``up`` started or was given, so that the stages and every command find them."""
    snapshot = await read_bucket(jetstream)
    setting = Alertmanagers(author=AUTHOR, alertmanagers=tuple(alertmanagers))
    if as_json(snapshot.values.get(_KEY)) != as_json(setting):
        await put(jetstream, _KEY, setting, snapshot.revisions.get(_KEY, 0))
