"""One way to build each thing that the checker's cores take."""

import pytest

from shared import subjects
from shared.checks import Check, Query, QueryType
from shared.configuration import Configuration
from shared.targets import Target


class Inventory:
    """A configuration that tests fill entry by entry, as the bucket would."""

    def __init__(self) -> None:
        self.view = Configuration()

    def target(self, name: str, engine: str = "postgresql", **more: object) -> Target:
        target = Target.model_validate({"name": name, "engine": engine, **more})
        self.view.apply(subjects.target_key(name), target.model_dump_json().encode(), self.view.revision + 1)
        return target

    def check(self, name: str, engine: str = "postgresql", **more: object) -> Check:
        kind = {"postgresql": "POSTGRESQL_SHOW", "mysql": "MYSQL_SHOW", "mongodb": "MONGODB_BUILDINFO"}[engine]
        fields = {"summary": "s", "description": "d", "script": "def check_context(docs, context):\n  return []\n"}
        fields |= {"queries": [Query(type=QueryType(kind))], "name": name, "engine": engine} | more
        check = Check.model_validate(fields)
        self.view.apply(subjects.check_key(name), check.model_dump_json().encode(), self.view.revision + 1)
        return check

    def disable(self, check: str, *target: str) -> None:
        key = subjects.setting_key("file", "disabled", check, *target)
        self.view.apply(key, b'{"disabled": true}', self.view.revision + 1)


@pytest.fixture
def inventory() -> Inventory:
    return Inventory()
