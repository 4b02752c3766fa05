"""On servers as a good database administrator sets them up the built-in checks find nothing, can all look with the
account that ``watchword account`` makes, and name the statement that is missing where an account has less.
"""

import re
from collections.abc import Iterator
from functools import cache

import pytest
from pymongo.errors import OperationFailure

from services.checker.examine import Outcome
from services.checker.sandbox import Sandbox
from shared.checks import Check, Engine
from tests.integration.library_proofs.hardened import CHECKERS, HARDENED, Hardened
from tests.integration.library_proofs.lab import NEW_PASSWORD, Account, Lab, statements_in
from watchword.check_files.library import built_in_checks
from watchword.monitoring_account import account, as_script

BY_THE_CALENDAR = ("_end_of_life", "_version_table_old", "_known_vulnerable")
"""What the day alone can turn is no false alarm: these are proven on documented replies."""

ALREADY_EXISTS = 51002

NAMED = re.compile(r"can allow it: (?P<statement>(?:GRANT [^;]+|db\..+))")
"""The statement in the text of an error."""


@pytest.fixture(scope="session", params=HARDENED, ids=lambda one: one.name)
def hardened(request: pytest.FixtureRequest) -> Iterator[tuple[Hardened, Lab]]:
    """A server, with its application."""
    one: Hardened = request.param
    lab = Lab.started(one.start)
    try:
        one.finish(lab)
        yield one, lab
    finally:
        lab.close()


@cache
def checks_of(engine: Engine) -> tuple[Check, ...]:
    return tuple(check for check in built_in_checks() if check.engine == engine)


async def look(one: Hardened, lab: Lab, login: Account) -> dict[str, Outcome]:
    async with Sandbox(workers=1, spares=0) as scripts:
        outcomes = await lab.look_at(checks_of(one.engine), scripts, one.parameters, login)
    return {outcome.check.name: outcome for outcome in outcomes}


def make_account(one: Hardened, lab: Lab, user: str, *, with_grants: bool) -> Account:
    """Execute what the command prints, after doing what it tells a person to do about the password."""
    made = account(checks_of(one.engine), one.flavour, user=user, host=CHECKERS if one.engine == "mysql" else "")
    script = as_script(made)
    password = f"{NEW_PASSWORD}-{user}"
    statements = [
        each.replace("<new password>", password).replace("passwordPrompt()", f'"{password}"')
        for each in statements_in(script, one.engine)
    ]
    assert len(statements) == len(made.steps)
    lab.execute(*(statements if with_grants else statements[:1]))
    if one.set_password:
        lab.execute(one.set_password.format(user=user, password=password))
    lab.execute(
        *(each.replace("profiler", f"{user}Profiler").replace('"watchword"', f'"{user}"') for each in one.beyond)
    )
    return user, password


async def test_nothing_is_found_and_nothing_is_missing_with_the_account_that_the_command_makes(
    hardened: tuple[Hardened, Lab],
) -> None:
    one, lab = hardened
    login = make_account(one, lab, "watchword", with_grants=True)
    outcomes = await look(one, lab, login)
    unexpected = {
        name: (outcome.status, outcome.reason, [(finding.summary, finding.labels) for finding in outcome.found])
        for name, outcome in outcomes.items()
        if outcome.status != "passed"
        and not (outcome.status == "failed" and (name.endswith(BY_THE_CALENDAR) or name in one.right))
        and not (outcome.status == "skipped" and one.skipped.get(name, "-") in (outcome.reason or ""))
    }
    assert unexpected == {}, "\n".join(f"{name}: {what}" for name, what in unexpected.items())
    assert {name for name in one.right if outcomes[name].status == "failed"} == set(one.right)
    skipped = {name for name, outcome in outcomes.items() if outcome.status == "skipped"}
    assert skipped == set(one.skipped), "the reviewed list names checks that do look here"


def commands(named: re.Match[str]) -> list[str]:
    """Return the statements that an error names; those of mongosh as the commands that they are."""
    parts = named["statement"].split("; ")
    return [_MONGOSH.sub(_as_command, part) for part in parts]


_MONGOSH = re.compile(r"\.(?P<name>createRole|grantRolesToUser)\((?P<arguments>.*)\)$")


def _as_command(call: re.Match[str]) -> str:
    arguments = re.sub(r"(?<=[{ ])(\w+): ", r'"\1": ', call["arguments"])
    if call["name"] == "createRole":
        command = arguments.replace('"role"', '"createRole"', 1)
        return f".runCommand({command})"
    user, _, roles = arguments.partition(", ")
    return f'.runCommand({{"grantRolesToUser": {user}, "roles": {roles}}})'


async def test_an_account_without_grants_is_told_the_statement_that_each_check_lacks(
    hardened: tuple[Hardened, Lab],
) -> None:
    one, lab = hardened
    login = make_account(one, lab, "lesser", with_grants=False)
    executed: set[str] = set()
    while errors := {
        name: outcome.reason or ""
        for name, outcome in (await look(one, lab, login)).items()
        if outcome.status == "error"
    }:
        assert {name: reason for name, reason in errors.items() if not NAMED.search(reason)} == {}
        named = {each for reason in errors.values() for match in NAMED.finditer(reason) for each in commands(match)}
        assert named - executed, f"executed, and still missing: {errors}"
        for statement in sorted(named - executed):
            try:
                lab.execute(statement)
            except OperationFailure as refused:
                if refused.code != ALREADY_EXISTS:  # the role that the other account has, too
                    raise
        executed |= named
    assert executed
