"""What people change about a check at run time: one setting of the origin ``person``, written on condition that nobody
else changed it meanwhile. Every command that changes one says the same of unknown names and of a lost race.
"""

from dataclasses import dataclass

from shared import subjects
from shared.checks import Check
from shared.configuration import Configuration, Setting
from shared.errors import PublishRefused
from watchword.cli.exits import WrongUsage
from watchword.cli.output import OutputFormat, print_json, say
from watchword.cli.session import Session
from watchword.inventory.bucket import Snapshot, put
from watchword.inventory.bucket import as_json as as_plain
from watchword.inventory.spots import nearest_name


@dataclass(slots=True)
class Change:
    """A person's setting that is about to change."""

    key: str
    names: tuple[str, ...]
    """The parts of its key after the origin: the kind, the check, and what else it is for."""
    expected: int
    is_set: bool
    configuration: Configuration
    where: str

    async def write(self, here: Session, setting: Setting | None) -> None:
        """Write the setting, or take it back with None. Raises ``WrongUsage`` when somebody else was faster."""
        try:
            await put(here.jetstream, self.key, setting, self.expected)
        except PublishRefused:
            raise WrongUsage("somebody else changed this at the same moment; look at it and try again") from None


def report(change: Change, setting: Setting | None, words: str, output: OutputFormat) -> None:
    """Say what was changed."""
    if output is OutputFormat.JSON:
        print_json({"setting": list(change.names), "value": as_plain(setting)})
    else:
        say(words)


async def change_of(here: Session, kind: str, check: str, target: str | None) -> Change:
    """Return the setting of a check, on one target or on all, as it is now. Raises ``WrongUsage`` for unknown names."""
    snapshot = await here.snapshot()
    known_check(snapshot.view, check)
    if target is not None:
        engine = target_engine(snapshot.view, target)
        found = snapshot.view.check(check)
        if found is not None and found.engine != engine:
            raise WrongUsage(f"{check} is a check for {found.engine}, and {target} is {engine}")
    names = (kind, check, *([target] if target is not None else []))
    return change_at(snapshot, names, f"on {target}" if target is not None else "on all targets")


def change_at(snapshot: Snapshot, names: tuple[str, ...], where: str) -> Change:
    """Return the setting of these names as it is now."""
    key = subjects.setting_key("person", *names)
    return Change(key, names, snapshot.revisions.get(key, 0), key in snapshot.values, snapshot.view, where)


def known_check(configuration: Configuration, name: str) -> Check:
    """Return a check. Raises ``WrongUsage`` with the name that was probably meant."""
    found = configuration.check(name)
    if found is None:
        known = [check.name for check in configuration.all_checks()]
        raise WrongUsage(f"there is no check {name!r}; {nearest_name(name, known, 'see: watchword checks list')}")
    return found


def target_engine(configuration: Configuration, name: str) -> str:
    """Return the engine of a target. Raises ``WrongUsage`` with the name that was probably meant."""
    found = configuration.target(name)
    if found is None:
        known = [target.name for target in configuration.all_targets()]
        raise WrongUsage(f"there is no target {name!r}; {nearest_name(name, known, 'see: watchword targets')}")
    return found.engine
