"""Targets, checks and a configuration for tests, as ``watchword apply`` would have written them."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from pydantic import BaseModel

from shared import subjects
from shared.checks import Check, Query, QueryType
from shared.configuration import Change, Configuration, Disabled, Interval
from shared.targets import Target


def a_check(name: str = "c", **fields: Any) -> Check:
    """A check that asks and finds nothing."""
    given = {
        "engine": "postgresql",
        "summary": "s",
        "description": "d",
        "queries": (Query(type=QueryType.POSTGRESQL_SELECT, text="1"),),
        "script": "def check_context(docs, context):\n    return []\n",
        **fields,
    }
    return Check(name=name, **given)


def a_target(name: str = "t", **fields: Any) -> Target:
    """A target on a server that nobody will ask."""
    return Target(name=name, **{"engine": "postgresql", **fields})


class Written:
    """A configuration as the bucket tells it: each entry has the next revision."""

    def __init__(self, *models: Target | Check) -> None:
        self.view = Configuration()
        self.changes: list[Change] = []
        self._revisions: Iterator[int] = count(1)
        self.put(*models)

    def put(self, *models: Target | Check) -> Change:
        for model in models:
            key = subjects.target_key(model.name) if isinstance(model, Target) else subjects.check_key(model.name)
            self._apply(key, model)
        return self.changes[-1] if self.changes else Change("unreadable", "", 0, is_removal=False)

    def remove(self, model: Target | Check) -> Change:
        key = subjects.target_key(model.name) if isinstance(model, Target) else subjects.check_key(model.name)
        return self._apply(key, None)

    def set(self, setting: BaseModel | None, *parts: str, origin: str = "person") -> Change:
        return self._apply(subjects.setting_key(origin, *parts), setting)

    def disable(self, check: str, *target: str, disabled: bool = True) -> Change:
        return self.set(Disabled(disabled=disabled), "disabled", check, *target)

    def schedule(self, schedule: str, check: str, *target: str) -> Change:
        return self.set(Interval(schedule=schedule), "interval", check, *target)

    def mean(self, name: str, schedule: str) -> Change:
        """Give the name of a schedule another meaning; ``all`` gives every check one."""
        return self.set(Interval(schedule=schedule), "schedule", name)

    def _apply(self, key: str, model: BaseModel | None) -> Change:
        data = model.model_dump_json().encode() if model is not None else None
        change = self.view.apply(key, data, next(self._revisions))
        self.changes.append(change)
        return change
