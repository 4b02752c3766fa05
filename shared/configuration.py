"""What the configuration bucket says, as a fold over its entries: targets, checks and settings, each with the revision
(sequence of the bucket) that wrote it. The view only ever learns from what is there: an entry that is absent proves
nothing, only an explicit marker (a delete of the key) removes. Settings come from two origins, the file that was
applied and what people change at run time; a person's word wins over the file's, and ``apply`` leaves it alone.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared import subjects
from shared.checks import Check
from shared.cloudevents import explain
from shared.errors import NameRefused
from shared.events import Moment
from shared.severity import Severity
from shared.targets import SecretReference, Target, Tls

Origin = Literal["file", "person"]
ORIGINS: tuple[Origin, ...] = ("person", "file")
"""In the order of their weight: the first that says something wins."""

Value = TypeVar("Value")


class Setting(BaseModel):
    """What every setting carries: who said it, when, and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    author: str = ""
    reason: str = ""
    at: dt.datetime | None = None


class Disabled(Setting):
    """A check that is off, or explicitly on again, everywhere or on one target."""

    disabled: bool = True


class Interval(Setting):
    """A schedule: a name, a duration or a cron line; for a check, a check on a target, or what a name means."""

    schedule: str


class SeverityOverride(Setting):
    """The severity that the findings of a check get here, instead of the one that its script gives."""

    severity: Severity


class RiskAccepted(Setting):
    """An exception: findings of a check on a target that are accepted until a date, by whom and why."""

    check: str
    target: str
    labels: dict[str, str] = Field(default_factory=dict)
    """The finding's labels; only those given must agree."""
    until: Moment
    by: str = ""
    """Who accepts it, which may be somebody else than the author of the setting."""

    @property
    def accepted_by(self) -> str:
        """Return who accepts it."""
        return self.by or self.author


class ParametersSet(Setting):
    """Values for the parameters of a check, on all targets or on those with certain labels."""

    check: str
    labels: dict[str, str] = Field(default_factory=dict)
    """The target's labels; all of them must agree."""
    values: dict[str, bool | int | float | str | tuple[str, ...]]


class Credential(BaseModel):
    """How to show who we are to an Alertmanager or a Prometheus; secrets are references, resolved on use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    username: str | None = None
    password: SecretReference | None = None
    bearer_token: SecretReference | None = None
    tls: Tls | None = None


class Alertmanager(BaseModel):
    """One Alertmanager, or a cluster: alerts go to every member, silences to one of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    urls: tuple[str, ...] = Field(min_length=1)
    credential: Credential = Credential()


class Alertmanagers(Setting):
    """Where alerts and silences go."""

    alertmanagers: tuple[Alertmanager, ...]


class Muting(Setting):
    """How long a mute lasts when the request does not say."""

    default: str = "24h"


class MetricsSource(Setting):
    """The Prometheus-compatible server that METRICS_ queries ask."""

    url: str
    credential: Credential = Credential()


class DeadMansSwitch(Setting):
    """What is told about Watchword itself: targets that nobody checks or can look into, pools without checkers."""

    enabled: bool = True
    always_firing: bool = False
    """Let one alert always fire, for a dead man's switch of people's own."""
    error_lasts: str = "1h"
    """How long after a scheduled look an error may stand, when the schedule is not shorter than that."""
    gone_after: str = "5m"
    """How long a pool may have no checkers, or an Alertmanager not be reached."""


class Installation(Setting):
    """What tells this installation's alerts from others': their generatorURL begins with this URL."""

    url: str


SETTING_MODELS: Mapping[str, type[Setting]] = {
    "disabled": Disabled,
    "interval": Interval,
    "schedule": Interval,
    "severity": SeverityOverride,
    "exception": RiskAccepted,
    "parameters": ParametersSet,
    "alertmanagers": Alertmanagers,
    "muting": Muting,
    "metrics": MetricsSource,
    "dead-mans-switch": DeadMansSwitch,
    "installation": Installation,
}
"""The model of each kind of setting; a key is ``setting.<origin>.<kind>[.<names>…]``."""

SEVERAL_OF_A_CHECK = frozenset({"exception", "parameters"})
"""Kinds of which a check may have any number; their keys end in a digest of what tells one from another."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[Value]):
    """A value of the bucket and the revision that wrote it; None is an explicit removal."""

    value: Value | None
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """What one entry of the bucket changed. ``name`` is a target's or check's name, or a setting's kind."""

    kind: Literal["target", "check", "setting", "unreadable"]
    name: str
    revision: int
    is_removal: bool
    names: tuple[str, ...] = ()
    """For a setting: the names after its kind, a check's and perhaps a target's."""


@dataclass(slots=True)
class Configuration:
    """The view. Fed with every entry in the order of the bucket; asked by all stages."""

    targets: dict[str, Entry[Target]] = field(default_factory=dict)
    checks: dict[str, Entry[Check]] = field(default_factory=dict)
    settings: dict[tuple[str, ...], Entry[Setting]] = field(default_factory=dict)
    """By the parts of the key after ``setting``: origin, kind, names."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Entries that this version does not understand, with the reason; their last readable value stays."""
    revision: int = 0
    """The newest revision seen."""
    _ever_set: set[tuple[str, str]] = field(default_factory=set)
    """Kinds of settings, and the first name of each that was ever set or removed."""
    _of_check: dict[tuple[str, str], dict[tuple[str, ...], Entry[Setting]]] = field(default_factory=dict)
    """Of the kinds of which a check may have several: by kind and check, what ``settings`` has of them."""
    _stored_at: dict[int, dt.datetime] = field(default_factory=dict)
    """When the entries that stand were written, by their revisions."""
    _revision_of_key: dict[str, int] = field(default_factory=dict)

    def apply(self, key: str, data: bytes | None, revision: int, stored_at: dt.datetime | None = None) -> Change:
        """Take in one entry; ``data`` None is an explicit removal. Never raises: what is broken is remembered."""
        self.revision = max(self.revision, revision)
        is_removal = data is None
        try:
            parts = subjects.parse_key(key)
            match parts:
                case ("target", name):
                    target = None if data is None else Target.model_validate_json(data)
                    _require_name(name, target)
                    self.targets[name] = Entry(target, revision)
                    change = Change("target", name, revision, is_removal)
                case ("check", name):
                    check = None if data is None else Check.model_validate_json(data)
                    _require_name(name, check)
                    self.checks[name] = Entry(check, revision)
                    change = Change("check", name, revision, is_removal)
                case ("setting", _, kind, *names) if kind in SETTING_MODELS:
                    setting = None if data is None else SETTING_MODELS[kind].model_validate_json(data)
                    entry = self.settings[parts[1:]] = Entry(setting, revision)
                    if names:
                        self._ever_set.add((kind, names[0]))
                    if kind in SEVERAL_OF_A_CHECK and names:
                        self._of_check.setdefault((kind, names[0]), {})[parts[1:]] = entry
                    change = Change("setting", kind, revision, is_removal, tuple(names))
                case _:
                    return self._not_understood(key, "no kind of entry that this version knows", revision)
        except ValidationError as broken:
            return self._not_understood(key, explain(broken, shows_value=False), revision)
        except NameRefused as broken:
            return self._not_understood(key, str(broken), revision)
        self.unreadable.pop(key, None)
        self._note_time(key, revision, stored_at)
        return change

    def written_at(self, revision: int) -> dt.datetime | None:
        """Return when the entry of a revision was written; None when it does not stand any more, or nobody said."""
        return self._stored_at.get(revision)

    def _note_time(self, key: str, revision: int, stored_at: dt.datetime | None) -> None:
        self._stored_at.pop(self._revision_of_key.get(key, 0), None)
        self._revision_of_key[key] = revision
        if stored_at is not None:
            self._stored_at[revision] = stored_at

    def _not_understood(self, key: str, reason: str, revision: int) -> Change:
        self.unreadable[key] = reason
        return Change("unreadable", key, revision, is_removal=False)

    def target(self, name: str) -> Target | None:
        """Return a target of the inventory, or None."""
        entry = self.targets.get(name)
        return entry.value if entry else None

    def check(self, name: str) -> Check | None:
        """Return a check's definition, or None."""
        entry = self.checks.get(name)
        return entry.value if entry else None

    def all_targets(self) -> list[Target]:
        """Return the inventory by name."""
        return [target for name in sorted(self.targets) if (target := self.targets[name].value) is not None]

    def all_checks(self) -> list[Check]:
        """Return the checks by name."""
        return [check for name in sorted(self.checks) if (check := self.checks[name].value) is not None]

    def is_target_removed(self, name: str) -> bool:
        """Say whether a target was explicitly removed; False for one that was merely never seen."""
        entry = self.targets.get(name)
        return entry is not None and entry.value is None

    def is_check_removed(self, name: str) -> bool:
        """Say whether a check was explicitly removed; False for one that was merely never seen."""
        entry = self.checks.get(name)
        return entry is not None and entry.value is None

    def setting(self, model: type[Value], kind: str, *names: str) -> Value | None:
        """Return what is set, a person's word before the file's, or None."""
        if names and (kind, names[0]) not in self._ever_set:  # as nearly always, and it is asked of each result
            return None
        for origin in ORIGINS:
            entry = self.settings.get((origin, kind, *names))
            if entry is not None and isinstance(entry.value, model):
                return entry.value
        return None

    def settings_of_check(self, model: type[Value], kind: str, check: str) -> list[Value]:
        """Return everything of one kind that is set for a check, a person's word instead of the file's, by key."""
        chosen: dict[tuple[str, ...], Value] = {}
        for origin in reversed(ORIGINS):
            for key, entry in self._of_check.get((kind, check), {}).items():
                if key[0] == origin and isinstance(entry.value, model):
                    chosen[key[1:]] = entry.value
        return [value for _, value in sorted(chosen.items(), key=lambda one: one[0])]

    def settings_revision(self, kind: str, check: str, *target: str) -> int:
        """Return the newest revision that set or removed any of them; with a target, of those for it."""
        entries = self._of_check.get((kind, check), {}).items()
        fitting = (entry.revision for key, entry in entries if key[3 : 3 + len(target)] == target)
        return max(fitting, default=0)

    def setting_revision(self, kind: str, *names: str) -> int:
        """Return the newest revision that set or removed something, 0 when nothing ever did."""
        entries = (self.settings.get((origin, kind, *names)) for origin in ORIGINS)
        return max((entry.revision for entry in entries if entry), default=0)


def _require_name(name: str, value: Target | Check | None) -> None:
    """Raise ``NameRefused`` for an entry that speaks of something else than its key: two keys would be one thing."""
    if value is not None and value.name != name:
        message = f"it is about {value.name!r}, and its key about {name!r}"
        raise NameRefused(message)
